//! The command line's grammar, and nothing of what the commands do.

mod access;
mod api_keys;
mod authorizer;
mod device_tokens;
mod lambda;
mod licenses;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use symbolon_domain::{
    actor::Role,
    audit::{Act, Outcome},
    clock::Timestamp,
    id::AccountId,
    outbox::MessageKind,
};

pub use self::access::{AccessCommand, CheckArguments, MatrixArguments};
pub use self::api_keys::{ApiKeyCommand, ImportArguments, IssueArguments, VerifyArguments};
pub use self::authorizer::AuthorizeArguments;
pub use self::device_tokens::DeviceTokenCommand;
pub use self::lambda::LambdaCommand;
pub use self::licenses::{GrantArguments, LicenseCommand};
pub use self::tokens::{IssuerCommand, MintArguments, TokenArguments, TokenCommand};
use crate::settings::{InvalidLanguageTag, LanguageTag, Override};

/// Self-hosted authentication and token service.
#[derive(Clone, Debug, Parser)]
#[command(name = "symbolon", version, propagate_version = true)]
pub struct Arguments {
    /// The configuration file; without it `symbolon.toml` in the working directory, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How results are written.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How results are written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Everything that `symbolon` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the HTTP service.
    Serve(ServeArguments),
    /// Bring the store's schema up to date, or show how far it is.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Look at accounts, invite people, open and close accounts, give roles.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Ask who may do what, check policies, and see what follows from them.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Decide about an event of a Lambda authorizer as the service would, and print the answer.
    Authorize(AuthorizeArguments),
    /// Issue, list, check and end API keys.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Grant, list and end licences.
    #[command(subcommand)]
    License(LicenseCommand),
    /// List, check and end device tokens.
    #[command(subcommand)]
    DeviceToken(DeviceTokenCommand),
    /// Explain a token, or make one for a test. It is read from standard input or a file, never from an argument.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look at the issuers whose tokens are taken beside our own.
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Look at messages on their way, and try mail out.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Look at what happened.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at keys, and make, rotate and retire them.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Be a function of AWS Lambda, started by it.
    #[command(subcommand)]
    Lambda(LambdaCommand),
    /// Find what is wrong and say what to do.
    Doctor,
    /// Print a script that completes `symbolon` commands in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// How to run the service.
#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// Fixed clock, readable outbox, no rate limits. Refuses to start on anything but loopback.
    #[arg(long)]
    pub test_mode: bool,
    /// Address and port of the public listener, over `http.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// The store's schema.
#[derive(Clone, Debug, Subcommand)]
pub enum MigrateCommand {
    /// Apply what is missing.
    Up(MigrateArguments),
    /// Show what is applied and what is missing.
    Status(MigrateArguments),
}

/// How to migrate.
#[derive(Clone, Debug, Args)]
pub struct MigrateArguments {
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Which part of a list to show.
#[derive(Clone, Debug, Args)]
pub struct PageArguments {
    /// The most entries to show.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    /// Where to go on: the cursor that the page before ended with, which stands on standard error, in JSON too.
    #[arg(long)]
    pub cursor: Option<String>,
}

/// Accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum AccountCommand {
    /// List accounts.
    List(PageArguments),
    /// Invite somebody: the address gets a link that makes the account. For the very first superuser the link is printed.
    Create(InviteArguments),
    /// List the invitations that nobody has redeemed yet.
    Invitations(PageArguments),
    /// End an invitation: its link opens nothing any more.
    WithdrawInvitation {
        /// The invitation's id.
        invitation: String,
    },
    /// Close an account and end its sessions.
    Lock {
        /// The account's id or e-mail address.
        account: String,
    },
    /// Open an account, and a sign-in that too many wrong passwords have closed.
    Unlock {
        /// The account's id or e-mail address.
        account: String,
    },
    /// Close accounts until their passwords are reset, and end their sessions.
    Compromised {
        /// The accounts' ids or e-mail addresses.
        #[arg(required = true, num_args = 1..=100)]
        accounts: Vec<String>,
    },
    /// Give an account a role, and end its sessions.
    Role {
        /// The account's id or e-mail address.
        account: String,
        /// The role.
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Show one account with its identifiers and sessions.
    Show {
        /// The account's id or e-mail address.
        account: String,
    },
}

/// Whom to invite, and as what.
#[derive(Clone, Debug, Args)]
pub struct InviteArguments {
    /// Where the invitation goes.
    #[arg(long, value_name = "ADDRESS")]
    pub email: String,
    /// The role that the account will have: authenticated, staff or superuser.
    #[arg(long, default_value = "authenticated", value_parser = role)]
    pub role: Role,
    /// What the person is called.
    #[arg(long)]
    pub name: Option<String>,
}

fn act(name: &str) -> Result<Act, String> {
    let acts = || Act::ALL.iter().map(Act::as_str).collect::<Vec<_>>().join(", ");
    Act::parse(name).ok_or_else(|| format!("no such act is known; there are {}", acts()))
}

fn role(name: &str) -> Result<Role, &'static str> {
    Role::parse(name).ok_or("authenticated, staff or superuser is expected")
}

/// Messages.
#[derive(Clone, Debug, Subcommand)]
pub enum OutboxCommand {
    /// List messages that wait, were given up, or were delivered.
    List(PageArguments),
    /// Show one message, without its codes and links.
    Show {
        /// The message's id.
        id: String,
    },
    /// Send a message that waits for its next attempt now.
    Retry {
        /// The message's id.
        id: String,
    },
    /// Send a test message through the configured carrier, and say how it took it. Needs no store.
    TestSend {
        /// Whom to.
        address: String,
    },
    /// Show what messages of a kind look like, filled with sample values. Nothing is sent, and no store is needed.
    Preview(PreviewArguments),
}

/// Which message to show, and how.
#[derive(Clone, Debug, Args)]
pub struct PreviewArguments {
    /// What the message is about.
    #[arg(value_parser = PossibleValuesParser::new(MessageKind::ALL.map(MessageKind::as_str)))]
    pub kind: String,
    /// The language, over `messages.language`: a tag such as `de`.
    #[arg(long, value_name = "TAG", value_parser = language_tag)]
    pub language: Option<LanguageTag>,
    /// The HTML part, in the place of subject and text.
    #[arg(long)]
    pub html: bool,
}

fn language_tag(text: &str) -> Result<LanguageTag, InvalidLanguageTag> {
    LanguageTag::try_from(text.to_owned())
}

/// Audit events.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the latest events.
    Tail(TailArguments),
    /// Write every event as a line of JSON, the newest first.
    Export(EventArguments),
}

/// Which of the latest events to show.
#[derive(Clone, Debug, Args)]
pub struct TailArguments {
    /// Which part of the list.
    #[command(flatten)]
    pub page: PageArguments,
    /// Which events.
    #[command(flatten)]
    pub events: EventArguments,
}

/// Which events are meant; all, where nothing is said.
#[derive(Clone, Debug, Args)]
pub struct EventArguments {
    /// Done by this account, or to it: its id.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// What was done or tried, such as account.locked.
    #[arg(long, value_parser = act)]
    pub act: Option<Act>,
    /// How it ended: done or refused.
    #[arg(long, value_parser = outcome)]
    pub outcome: Option<Outcome>,
    /// Then or later, such as 2026-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub since: Option<Timestamp>,
    /// Before then.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Option<Timestamp>,
}

fn outcome(name: &str) -> Result<Outcome, &'static str> {
    Outcome::parse(name).ok_or("done or refused is expected")
}

/// Keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a master key for a new store: a file that only its owner may read, and that must not be there yet.
    NewMaster {
        /// The file.
        file: PathBuf,
    },
    /// List the keys that sign tokens.
    List,
    /// Make the next signing key before its time. It signs after it has been published for its time.
    Rotate {
        /// It signs in a quarter of a minute. Whoever has an older copy of the JWK set refuses its tokens until that is fetched anew.
        #[arg(long)]
        now: bool,
    },
    /// Take a signing key's tokens no more, from this moment on: for one that somebody else may have.
    Retire {
        /// The key's id (`kid`).
        kid: String,
    },
    /// Seal everything anew under the first of `secrets.master_keys`; the others may be taken away then.
    RotateMaster,
}

/// The configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Check it, and report every problem at once.
    Check,
    /// Show every setting with its origin, secrets redacted.
    Show,
    /// Print the JSON schema of the configuration file.
    Schema,
}

impl Command {
    /// The settings that this command's flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let Self::Serve(serve) = self else {
            return Vec::new();
        };
        let listen = serve.listen.map(|address| Override {
            key: "http.listen",
            value: address.to_string(),
            flag: "--listen",
        });
        listen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_flags_may_stand_after_the_command() {
        let arguments = Arguments::try_parse_from([
            "symbolon", "config", "show", "--output", "json", "--config", "a.toml",
        ])
        .unwrap();
        assert_eq!(arguments.output, OutputFormat::Json);
        assert_eq!(arguments.config, Some(PathBuf::from("a.toml")));
        assert!(matches!(arguments.command, Command::Config(ConfigCommand::Show)));
    }

    #[test]
    fn a_token_is_not_accepted_as_an_argument() {
        let error = Arguments::try_parse_from(["symbolon", "token", "inspect", "eyJhbGciOi"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_listen_flag_becomes_an_override() {
        let arguments = Arguments::try_parse_from(["symbolon", "serve", "--listen", "127.0.0.1:0"]).unwrap();
        let expected = Override { key: "http.listen", value: "127.0.0.1:0".to_owned(), flag: "--listen" };
        assert_eq!(arguments.command.overrides(), [expected]);
    }
}
