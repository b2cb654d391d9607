//! `symbolon` as a library: the settings, the command line, and (in `wiring`) the one place where use cases, stores
//! and front ends meet. The binary beside it only calls [`run`]; the tests use the rest.

pub mod access;
pub mod accounts;
pub mod api_keys;
pub mod arguments;
pub mod audit;
pub mod authorizer;
pub mod completions;
pub mod config;
pub mod device_tokens;
pub mod doctor;
pub mod issuer;
pub mod keys;
pub mod lambda;
pub mod licenses;
pub mod logging;
pub mod migrate;
pub mod outbox;
pub mod output;
pub mod page;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod test_mode;
pub mod token;
pub mod wiring;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{
    AccessCommand, ApiKeyCommand, Arguments, Command, KeysCommand, OutboxCommand, TokenCommand,
};
use crate::output::Output;
use crate::serve::ServeError;
use crate::settings::{LoadOptions, Problem, Settings};
use crate::wiring::{Questions, Service, Surroundings, WiringError, files};

/// What a command ends with when it did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration is wrong. Each problem is printed on a line of its own.
    #[error("the configuration is wrong")]
    Settings(Vec<Problem>),
    /// Nobody takes what is written. A reader that has gone away, as `head` does, is no failure.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
    /// What was to be read cannot be.
    #[error("the input could not be read")]
    Input(#[source] io::Error),
    /// An argument, or what was read, is not what it should be.
    #[error("{0}")]
    Argument(&'static str),
    /// There is no such thing in the store.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The issuer to be tried is no URL of one.
    #[error("ISSUER: {0}")]
    NoIssuer(crate::settings::InvalidPrivateUrl),
    /// An option is not what it should be.
    #[error("--{option}: {detail}")]
    Option {
        /// Which.
        option: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Lines that were to be read are wrong, so that nothing was done. Each is printed on a line of its own.
    #[error("{0} lines are wrong; nothing was done")]
    Lines(usize),
    /// Some of what was named is not there, so that nothing was done.
    #[error("no such {kind}: {}; nothing was done", names.join(", "))]
    Unknown {
        /// Of what kind.
        kind: &'static str,
        /// As they were named.
        names: Vec<String>,
    },
    /// It is there, and cannot be done to it.
    #[error("{0}")]
    Refused(&'static str),
    /// A message was not taken.
    #[error(transparent)]
    Carrier(#[from] symbolon_domain::outbox::CarrierError),
    /// A template is broken.
    #[error(transparent)]
    Template(#[from] symbolon_domain::outbox::RenderError),
    /// An administrator may not do this.
    #[error(transparent)]
    Administration(#[from] symbolon_domain::accounts::AdministrationRefusal),
    /// Of several things some were refused; the results say which.
    #[error("{0} of them were refused")]
    Partly(usize),
    /// A token does not count.
    #[error("the token does not count: {0}")]
    Token(String),
    /// An issuer's keys cannot be had.
    #[error("the issuer's keys cannot be had: {0}")]
    Issuer(#[source] symbolon_domain::trusted_issuers::IssuerKeysError),
    /// No token was made.
    #[error(transparent)]
    Mint(#[from] symbolon_domain::access_tokens::MintError),
    /// An API key does not count.
    #[error("the key does not count: {0}")]
    ApiKey(&'static str),
    /// No API key was issued.
    #[error(transparent)]
    IssueApiKey(#[from] symbolon_domain::api_keys::IssueApiKeyError),
    /// There are no licences here.
    #[error(transparent)]
    Licenses(#[from] symbolon_domain::licenses::KeptElsewhere),
    /// The doctor found something.
    #[error("{0} of the checks found something wrong")]
    Doctor(usize),
    /// An access policy cannot be evaluated.
    #[error(transparent)]
    Access(#[from] symbolon_domain::access::AccessError),
    /// A gateway's question cannot be answered.
    #[error(transparent)]
    Authorize(#[from] symbolon_domain::authorizer::AuthorizeError),
    /// Access policies are broken; the results say how.
    #[error("{0} problems were found")]
    Policies(usize),
    /// There is no such limit.
    #[error(transparent)]
    Limit(#[from] symbolon_domain::access::UnknownLimit),
    /// It is not allowed.
    #[error("not allowed: {0}")]
    NotAllowed(&'static str),
    /// The service could not be put together.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The service could not be run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A signing key was not made or retired.
    #[error(transparent)]
    Keys(#[from] symbolon_domain::signing_keys::RotateError),
    /// Something does not open under the configured master keys.
    #[error("{0} rows do not open under any of secrets.master_keys, and stay as they are")]
    Unopened(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] symbolon_domain::store_error::StoreError),
}

/// What a command ends with.
pub type CommandResult = Result<(), CommandError>;

/// Runs the command that the process's arguments name: exit code 0 done, 1 refused or failed, 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    let started_with = lambda::arguments(std::env::args_os().collect(), std::env::var_os);
    let arguments = match Arguments::try_parse_from(started_with) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version come this way too, with exit code 0. If nobody reads them, there is nothing to add.
            drop(usage.print());
            return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let options = LoadOptions::of_process(arguments.config.clone(), arguments.command.overrides());
    let (mut results, mut notices) = (io::stdout(), io::stderr());
    let mut output = Output::new(arguments.output, &mut results, &mut notices);
    let result = execute(&arguments.command, &options, &mut output).and_then(|()| Ok(results.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed as well, the exit code is all that is left to say.
            drop(report(&error, &mut notices));
            ExitCode::FAILURE
        }
    }
}

/// Runs one command.
///
/// # Errors
/// What the command could not do.
pub fn execute(command: &Command, options: &LoadOptions, output: &mut Output<'_>) -> CommandResult {
    match command {
        Command::Config(command) => config::run(*command, options, output),
        Command::Keys(KeysCommand::NewMaster { file }) => keys::new_master(file, output),
        Command::Completions { shell } => completions::run(*shell, output),
        Command::Token(TokenCommand::Inspect(arguments)) => token::inspect(arguments, output),
        Command::Doctor => {
            let loaded = Settings::load(options).map(|loaded| loaded.settings);
            block_on(doctor::run(loaded, output))
        }
        Command::Issuer(command) => block_on(issuer::run(command, &load(options)?, output)),
        Command::Serve(arguments) => {
            let loaded = files::checked(options).map_err(CommandError::Settings)?;
            block_on(serve::run(loaded.settings, arguments.test_mode))
        }
        Command::Migrate(command) => block_on(migrate::run(command, &load(options)?, output)),
        #[cfg(feature = "lambda")]
        Command::Lambda(command) => block_on(lambda::run::run(*command, &load(options)?)),
        #[cfg(not(feature = "lambda"))]
        Command::Lambda(_) => Err(WiringError::NotCompiledIn("the feature `lambda`".to_owned()).into()),
        Command::Access(command) if !matches!(command, AccessCommand::Check(_)) => {
            access::of_configuration(command, &load(options)?, output)
        }
        Command::Outbox(OutboxCommand::Preview(arguments)) => {
            outbox::preview::run(arguments, &load(options)?, output)
        }
        Command::Outbox(OutboxCommand::TestSend { address }) => {
            block_on(outbox::test_send::run(address, &load(options)?, output))
        }
        Command::Access(_)
        | Command::Account(_)
        | Command::Authorize(_)
        | Command::ApiKey(_)
        | Command::License(_)
        | Command::DeviceToken(_)
        | Command::Token(_)
        | Command::Outbox(_)
        | Command::Audit(_)
        | Command::Keys(_) => {
            let settings = load(options)?;
            let opening = wiring::open_existing(&settings, Surroundings::real(), questions(command));
            block_on(async {
                let service = opening.await?;
                let done = look(command, &service, output).await;
                // What was refused is noted too.
                let noted = service.refusals.flush().await;
                service.close().await;
                done.and(noted.map_err(CommandError::from))
            })
        }
    }
}

/// Whether the command asks who may do what. In an emergency an account is locked whatever the policies look like.
const fn questions(command: &Command) -> Questions {
    match command {
        Command::Access(_) | Command::ApiKey(ApiKeyCommand::Issue(_)) => Questions::OnlyOfAccess,
        Command::Authorize(_) => Questions::OnlyOfRoutes,
        _ => Questions::NoneAsked,
    }
}

/// Runs a command on a store that is there.
async fn look(command: &Command, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        Command::Access(command) => access::run(command, service, output).await,
        Command::Account(command) => accounts::run(command, service, output).await,
        Command::Authorize(arguments) => authorizer::run(arguments, service, output).await,
        Command::ApiKey(command) => api_keys::run(command, service, output).await,
        Command::License(command) => licenses::run(command, service, output).await,
        Command::DeviceToken(command) => device_tokens::run(command, service, output).await,
        Command::Token(TokenCommand::Verify(arguments)) => token::verify(arguments, service, output).await,
        Command::Token(TokenCommand::Mint(arguments)) => token::mint(arguments, service, output).await,
        Command::Outbox(command) => outbox::run(command, service, output).await,
        Command::Audit(command) => audit::run(command, service, output).await,
        Command::Keys(command) => keys::run(command, service, output).await,
        _ => Ok(()),
    }
}

fn load(options: &LoadOptions) -> Result<Settings, CommandError> {
    Settings::load(options).map(|loaded| loaded.settings).map_err(CommandError::Settings)
}

fn block_on(command: impl Future<Output = CommandResult>) -> CommandResult {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Runtime)?;
    runtime.block_on(command)
}

/// An error with everything that caused it, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// May everybody on this machine read, write or use the file? A secret must not be in it then.
fn is_open_to_everybody(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

/// Writes why a command failed, every problem on a line of its own.
fn report(error: &CommandError, notices: &mut dyn Write) -> io::Result<()> {
    writeln!(notices, "error: {}", chain(error))?;
    if let CommandError::Settings(problems) = error {
        for problem in problems {
            writeln!(notices, "  {problem}")?;
        }
    }
    Ok(())
}
