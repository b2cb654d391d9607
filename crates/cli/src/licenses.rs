//! `symbolon license grant|list|revoke`: on the same use cases as HTTP, beside a running server (L3).

use std::num::NonZeroU32;

use serde::Serialize;
use symbolon_domain::{
    accounts::Administrator,
    api_keys::Scopes,
    clock::Timestamp,
    id::LicenseId,
    licenses::{GrantError, GrantLicense, License, LicenseSubject, ListLicensesError, RevokeLicenseError},
};

use crate::accounts::operator;
use crate::arguments::{GrantArguments, LicenseCommand, PageArguments};
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page};

/// A licence as an operator sees it.
#[derive(Serialize)]
struct LicenseRow {
    id: LicenseId,
    subject: String,
    product: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    seats: Option<u32>,
    entitlements: Vec<String>,
    state: &'static str,
    revoked_at: Option<Timestamp>,
}

/// How many were ended.
#[derive(Serialize)]
struct Revoked {
    revoked: u64,
}

/// Runs one of them.
///
/// # Errors
/// There is no such account or licence, licences are kept elsewhere, or the store failed.
pub async fn run(command: &LicenseCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        LicenseCommand::Grant(arguments) => grant(arguments, service, output).await,
        LicenseCommand::List { subject, page } => list(subject.as_deref(), page, service, output).await,
        LicenseCommand::Revoke { license } => {
            let id = license.parse().map_err(|_| CommandError::Argument("not the id of a licence"))?;
            let licenses = service.device_tokens.licenses();
            licenses.revoke(Administrator::Operator, id, &operator(service)).await?;
            Ok(output.record(&Revoked { revoked: 1 })?)
        }
    }
}

async fn grant(arguments: &GrantArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let entitlements = Scopes::try_from(arguments.entitlements.clone());
    let command = GrantLicense {
        subject: subject(&arguments.subject)?,
        product: arguments.product.clone(),
        lifetime: arguments.expires_in.to_std(),
        seats: arguments.seats.and_then(NonZeroU32::new),
        entitlements: entitlements
            .map_err(|error| CommandError::Option { option: "entitlement", detail: error.to_string() })?,
    };
    let licenses = service.device_tokens.licenses();
    let granted = licenses.grant(Administrator::Operator, command, &operator(service)).await?;
    Ok(output.record(&LicenseRow::new(&granted, service.clock.now()))?)
}

async fn list(
    of: Option<&str>,
    arguments: &PageArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let (of, asked) = (of.map(subject).transpose()?, page::request(arguments)?);
    let listed = service.device_tokens.licenses().list(of.as_ref(), asked).await?;
    let now = service.clock.now();
    let rows: Vec<_> = listed.items.iter().map(|license| LicenseRow::new(license, now)).collect();
    let headings = ["id", "subject", "product", "state", "seats", "entitlements", "issued", "expires"];
    output.list(&headings, &rows, |row| {
        vec![
            row.id.to_string(),
            row.subject.clone(),
            row.product.clone(),
            row.state.to_owned(),
            or_dash(row.seats),
            or_dash((!row.entitlements.is_empty()).then(|| row.entitlements.join(" "))),
            row.issued_at.to_string(),
            row.expires_at.to_string(),
        ]
    })?;
    page::tell_next(&listed, output)
}

fn subject(text: &str) -> Result<LicenseSubject, CommandError> {
    text.parse().map_err(|_| CommandError::Argument("neither an account id nor an e-mail address"))
}

impl From<GrantError> for CommandError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::KeptElsewhere(error) => error.into(),
            GrantError::Lifetime => Self::Option { option: "expires-in", detail: error.to_string() },
            GrantError::Seats => Self::Option { option: "seats", detail: error.to_string() },
            GrantError::NoSuchAccount => Self::NotFound("account"),
            GrantError::Store(error) => error.into(),
        }
    }
}

impl From<ListLicensesError> for CommandError {
    fn from(error: ListLicensesError) -> Self {
        match error {
            ListLicensesError::KeptElsewhere(error) => error.into(),
            ListLicensesError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeLicenseError> for CommandError {
    fn from(error: RevokeLicenseError) -> Self {
        match error {
            RevokeLicenseError::KeptElsewhere(error) => error.into(),
            RevokeLicenseError::NotFound => Self::NotFound("licence"),
            RevokeLicenseError::Store(error) => error.into(),
        }
    }
}

impl LicenseRow {
    fn new(license: &License, now: Timestamp) -> Self {
        Self {
            id: license.id,
            subject: license.subject.to_string(),
            product: license.product.as_str().to_owned(),
            issued_at: license.issued_at,
            expires_at: license.expires_at,
            seats: license.seats.map(NonZeroU32::get),
            entitlements: license.entitlements.iter().map(str::to_owned).collect(),
            state: license.state(now).as_str(),
            revoked_at: license.revoked_at,
        }
    }
}
