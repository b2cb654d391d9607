//! The grammar of `symbolon access`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use symbolon_domain::access::{Action, DecisionRole, Visibility};

/// Permissions.
#[derive(Clone, Debug, Subcommand)]
pub enum AccessCommand {
    /// Ask whether somebody may do something. Exit code 0 when they may, 1 when not.
    Check(CheckArguments),
    /// Show the limits of a role, or one of them. Needs no store.
    Limits {
        /// The role: superuser, staff, authenticated, anonymous or locked.
        #[arg(value_parser = PossibleValuesParser::new(DecisionRole::ALL.iter().map(|role| role.as_str())))]
        role: String,
        /// The limit, such as max.api_key or rate; all, where nothing is said.
        limit: Option<String>,
    },
    /// Check policies, and report every problem with file and line. Needs no store.
    Validate {
        /// The directory; without it the configured policies.
        directory: Option<PathBuf>,
    },
    /// Show everything that follows from the policies: who may do what with whose items. Needs no store.
    Matrix(MatrixArguments),
}

/// A question of access.
#[derive(Clone, Debug, Args)]
pub struct CheckArguments {
    /// Who asks: an account's id or e-mail address, or anonymous.
    pub actor: String,
    /// What they would do.
    #[arg(value_parser = PossibleValuesParser::new(Action::ALL.iter().map(|action| action.as_str())))]
    pub action: String,
    /// With what: a kind of item, such as object or api_key.
    pub item: String,
    /// Whose it is, or would be: an account's id or e-mail address.
    #[arg(long, value_name = "ACCOUNT")]
    pub owner: String,
    /// The role that who asks is believed to have. With another one nothing is allowed.
    #[arg(long, value_parser = PossibleValuesParser::new(DecisionRole::ALL.iter().map(|role| role.as_str())))]
    pub role: Option<String>,
    /// Who may see it.
    #[arg(long, default_value = "private", value_parser = PossibleValuesParser::new(Visibility::ALL.iter().map(|one| one.as_str())))]
    pub visibility: String,
    /// Whom it is shared with: ids or e-mail addresses of accounts.
    #[arg(long, value_name = "ACCOUNT", num_args = 1..)]
    pub shared_with: Vec<String>,
}

/// What is to be shown of what follows from policies.
#[derive(Clone, Debug, Args)]
pub struct MatrixArguments {
    /// The directory of the policies; without it the configured ones.
    pub directory: Option<PathBuf>,
    /// As tables in Markdown.
    #[arg(long)]
    pub markdown: bool,
}
