//! `symbolon device-token list|verify|revoke`: on the same use cases as HTTP, beside a running server (D10, D11).

use secrecy::ExposeSecret as _;
use serde::Serialize;
use symbolon_domain::{
    clock::Timestamp,
    device_tokens::{
        DeviceToken, DeviceTokensError, Holder, TokensCaller, VerifiedDeviceToken, VerifyDeviceTokenError,
    },
    id::{DeviceTokenId, LicenseId},
};

use crate::accounts::{id_of, operator};
use crate::arguments::{DeviceTokenCommand, PageArguments, TokenArguments};
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page, token};

/// A device token as an operator sees it.
#[derive(Serialize)]
struct DeviceTokenRow {
    id: DeviceTokenId,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    device_id: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    entitlements: Vec<String>,
    license_id: Option<LicenseId>,
}

/// A device token that counts.
#[derive(Serialize)]
struct Verification {
    result: &'static str,
    id: DeviceTokenId,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    device_id: String,
    expires_at: Timestamp,
    entitlements: Vec<String>,
}

/// How many were ended.
#[derive(Serialize)]
struct Revoked {
    revoked: u64,
}

/// Runs one of them.
///
/// # Errors
/// There is no such user or token, the token does not count, or the store failed.
pub async fn run(command: &DeviceTokenCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        DeviceTokenCommand::List { user, page } => list(user, page, service, output).await,
        DeviceTokenCommand::Verify { token, device_id } => verify(token, device_id, service, output).await,
        DeviceTokenCommand::Revoke { device_token } => {
            let id =
                device_token.parse().map_err(|_| CommandError::Argument("not the id of a device token"))?;
            service.device_tokens.revoke(&TokensCaller::Operator, id, &operator(service)).await?;
            Ok(output.record(&Revoked { revoked: 1 })?)
        }
    }
}

async fn list(
    user: &str,
    arguments: &PageArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let (holder, asked) = (holder(user, service).await?, page::request(arguments)?);
    let tokens = &service.device_tokens;
    let listed = tokens.list(&TokensCaller::Operator, &holder, asked, &operator(service)).await?;
    let rows: Vec<_> = listed.items.iter().map(DeviceTokenRow::from).collect();
    output.list(&["id", "device", "licence", "entitlements", "created", "expires"], &rows, |row| {
        vec![
            row.id.to_string(),
            row.device_id.clone(),
            or_dash(row.license_id),
            or_dash((!row.entitlements.is_empty()).then(|| row.entitlements.join(" "))),
            row.created_at.to_string(),
            row.expires_at.to_string(),
        ]
    })?;
    page::tell_next(&listed, output)
}

/// Whom the operator means. Nobody is known here of whom only an issuer knows.
async fn holder(user: &str, service: &Service) -> Result<Holder, CommandError> {
    if !user.contains('|') {
        return Ok(Holder::Account(id_of(user, service).await?));
    }
    user.parse().map_err(|_| CommandError::Argument("neither an account nor `issuer|principal`"))
}

async fn verify(
    shown: &TokenArguments,
    device_id: &str,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let token = token::read(shown)?;
    let origin = operator(service);
    match service.device_tokens.verify(token.expose_secret(), device_id, &origin).await {
        Ok(verified) => Ok(output.record(&Verification::from(&verified))?),
        Err(VerifyDeviceTokenError::Fault(fault)) => Err(CommandError::Token(fault.to_string())),
        Err(VerifyDeviceTokenError::Store(error)) => Err(error.into()),
    }
}

impl From<DeviceTokensError> for CommandError {
    fn from(error: DeviceTokensError) -> Self {
        match error {
            DeviceTokensError::NotFound => Self::NotFound("device token"),
            DeviceTokensError::Access(error) => error.into(),
            DeviceTokensError::Store(error) => error.into(),
        }
    }
}

impl From<&DeviceToken> for DeviceTokenRow {
    fn from(token: &DeviceToken) -> Self {
        Self {
            id: token.id,
            user_id: token.holder.user_id(),
            issuer: token.holder.issuer().map(str::to_owned),
            device_id: token.device_id.as_str().to_owned(),
            created_at: token.issued_at,
            expires_at: token.expires_at,
            entitlements: token.entitlements.clone().into(),
            license_id: token.license,
        }
    }
}

impl From<&VerifiedDeviceToken> for Verification {
    fn from(verified: &VerifiedDeviceToken) -> Self {
        Self {
            result: "active",
            id: verified.id,
            user_id: verified.holder.user_id(),
            issuer: verified.holder.issuer().map(str::to_owned),
            device_id: verified.device_id.as_str().to_owned(),
            expires_at: verified.expires_at,
            entitlements: verified.entitlements.clone().into(),
        }
    }
}
