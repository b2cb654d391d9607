//! `symbolon api-key issue|list|verify|import|revoke`: on the same use cases as HTTP, beside a running server.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    actor::Actor,
    api_keys::{
        ApiKey, ApiKeyClaims, ApiKeyRequest, Expectations, InvalidLife, Life, RateLimit, RevokeApiKeyError,
        Scopes, VerifyApiKeyError, VerifyMode,
    },
    clock::Timestamp,
    id::{AccountId, ApiKeyId},
};

use crate::accounts::{find, id_of, operator};
use crate::arguments::{ApiKeyCommand, IssueArguments, PageArguments, VerifyArguments};
use crate::output::{Output, or_dash};
use crate::settings::Duration;
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page, token};

mod import;

/// A key that was issued, shown this once.
#[derive(Serialize)]
struct IssuedRow {
    id: ApiKeyId,
    account_id: AccountId,
    api_key: String,
    expires_at: Timestamp,
    refresh_token: Option<String>,
    refresh_expires_at: Option<Timestamp>,
}

/// A key as an operator sees it.
#[derive(Serialize)]
struct KeyRow {
    id: ApiKeyId,
    name: Option<String>,
    prefix: String,
    state: &'static str,
    issuer: String,
    audience: String,
    subject: String,
    version: String,
    scopes: Vec<String>,
    ip_address: Option<String>,
    created: Timestamp,
    last_used: Option<Timestamp>,
    expires: Timestamp,
    ends: Timestamp,
}

/// A key that counts.
#[derive(Serialize)]
struct Verification {
    result: &'static str,
    id: ApiKeyId,
    account_id: AccountId,
    role: &'static str,
    issuer: String,
    audience: String,
    subject: String,
    version: String,
    scopes: Vec<String>,
    ip_address: Option<String>,
    expires: Timestamp,
}

/// How many were ended.
#[derive(Serialize)]
struct Revoked {
    revoked: u64,
}

/// Runs one of them.
///
/// # Errors
/// There is no such account or key, the account may not have the key, or the store failed.
pub async fn run(command: &ApiKeyCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        ApiKeyCommand::Issue(arguments) => issue(arguments, service, output).await,
        ApiKeyCommand::List { account, page } => list(account, page, service, output).await,
        ApiKeyCommand::Verify(arguments) => verify(arguments, service, output).await,
        ApiKeyCommand::Import(arguments) => import::run(arguments, service, output).await,
        ApiKeyCommand::Revoke { key: Some(key), .. } => {
            let id = key.parse().map_err(|_| CommandError::Argument("not the id of an API key"))?;
            service.api_keys.revoke(Actor::Operator, id, &operator(service)).await?;
            Ok(output.record(&Revoked { revoked: 1 })?)
        }
        ApiKeyCommand::Revoke { key: None, all_of } => {
            let owner = id_of(all_of.as_deref().unwrap_or_default(), service).await?;
            let revoked = service.api_keys.revoke_all(Actor::Operator, owner, &operator(service)).await?;
            Ok(output.record(&Revoked { revoked })?)
        }
    }
}

async fn issue(arguments: &IssueArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let request = request(arguments, service)?;
    let owner = find(&arguments.account, service).await?;
    let origin = operator(service);
    let issued =
        service.api_keys.issue_by(Actor::Operator, owner.id, owner.standing.role, request, &origin).await?;
    let revealed = |secret: &SecretString| secret.expose_secret().to_owned();
    Ok(output.record(&IssuedRow {
        id: issued.id,
        account_id: owner.id,
        api_key: revealed(&issued.api_key),
        expires_at: issued.expires_at,
        refresh_token: issued.refresh_token.as_ref().map(|token| revealed(token.reveal())),
        refresh_expires_at: issued.refresh_expires_at,
    })?)
}

/// What the arguments ask for; the domain holds it to the ceilings of the configuration.
fn request(arguments: &IssueArguments, service: &Service) -> Result<ApiKeyRequest, CommandError> {
    let settings = service.api_keys.settings();
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.to_std().as_secs());
    let pause = |duration: Option<Duration>| seconds(duration).unwrap_or(0);
    let life = settings.key_life(
        seconds(arguments.expires_in),
        pause(arguments.not_before),
        !arguments.not_refreshable,
    );
    let refresh = if arguments.not_refreshable {
        None
    } else {
        let (expires_in, not_before) = (arguments.refresh_expires_in, arguments.refresh_not_before);
        let life = settings.refresh_life(seconds(expires_in), pause(not_before));
        Some(lived(life, ("refresh-expires-in", "refresh-not-before"))?)
    };
    let name = arguments.name.as_deref().map(str::parse).transpose();
    let rate_limit = arguments.rate_requests.zip(arguments.rate_window);
    let rate_limit = rate_limit.map(|(requests, window)| RateLimit { requests, window: window.to_std() });
    let longest = std::time::Duration::from_secs(86_400);
    if rate_limit.is_some_and(|limit| limit.window.is_zero() || limit.window > longest) {
        let detail = "from 1s to 1d is expected".to_owned();
        return Err(CommandError::Option { option: "rate-window", detail });
    }
    Ok(ApiKeyRequest {
        issuer: arguments.issuer.clone(),
        audience: arguments.audience.clone(),
        subject: arguments.subject.clone(),
        version: arguments.subject_version.clone(),
        life: lived(life, ("expires-in", "not-before"))?,
        address: arguments.ip_address,
        refresh,
        scopes: scopes(&arguments.scopes)?,
        name: name.map_err(|_| {
            CommandError::Argument("--name is empty, longer than 256 bytes, or has control characters")
        })?,
        rate_limit,
    })
}

fn lived(
    life: Result<Life, InvalidLife>,
    (expires_in, not_before): (&'static str, &'static str),
) -> Result<Life, CommandError> {
    life.map_err(|error| match error {
        InvalidLife::Lifetime { longest } => {
            let detail = format!("from 1s to {}s is expected", longest.as_secs());
            CommandError::Option { option: expires_in, detail }
        }
        InvalidLife::NotBefore { .. } => {
            CommandError::Option { option: not_before, detail: error.to_string() }
        }
    })
}

fn scopes(names: &[String]) -> Result<Scopes, CommandError> {
    let scopes = Scopes::try_from(names.to_vec());
    scopes.map_err(|error| CommandError::Option { option: "scope", detail: error.to_string() })
}

async fn list(
    account: &str,
    arguments: &PageArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let owner = find(account, service).await?.id;
    let asked = page::request(arguments)?;
    let listed = service.api_keys.list(Actor::Operator, owner, asked, &operator(service)).await?;
    let now = service.clock.now();
    let rows: Vec<_> = listed.items.iter().map(|key| KeyRow::new(key, now)).collect();
    let headings =
        ["id", "prefix", "name", "state", "audience", "subject", "created", "last used", "expires"];
    output.list(&headings, &rows, |row| {
        vec![
            row.id.to_string(),
            row.prefix.clone(),
            or_dash(row.name.as_ref()),
            row.state.to_owned(),
            row.audience.clone(),
            row.subject.clone(),
            row.created.to_string(),
            or_dash(row.last_used),
            row.expires.to_string(),
        ]
    })?;
    page::tell_next(&listed, output)
}

async fn verify(arguments: &VerifyArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let expected = Expectations {
        audience: arguments.audience.clone(),
        subject: arguments.subject.clone(),
        version: arguments.subject_version.clone(),
        ip_address: arguments.ip_address,
        scopes: scopes(&arguments.scopes)?,
    };
    let mode = if arguments.stateless { VerifyMode::Stateless } else { VerifyMode::Stateful };
    let key = token::read(&arguments.token)?;
    match service.api_keys.explain(&key, &expected, mode).await {
        Ok(verified) => Ok(output.record(&Verification::from(&verified.claims))?),
        Err(VerifyApiKeyError::Inactive(reason)) => Err(CommandError::ApiKey(reason)),
        Err(VerifyApiKeyError::RateLimited { .. }) => Err(CommandError::ApiKey("rate_limited")),
        Err(VerifyApiKeyError::Store(error)) => Err(error.into()),
    }
}

impl From<RevokeApiKeyError> for CommandError {
    fn from(error: RevokeApiKeyError) -> Self {
        match error {
            RevokeApiKeyError::NotFound => Self::NotFound("key or account"),
            RevokeApiKeyError::Access(error) => error.into(),
            RevokeApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<&ApiKeyClaims> for Verification {
    fn from(claims: &ApiKeyClaims) -> Self {
        Self {
            result: "active",
            id: claims.fam,
            account_id: claims.uid,
            role: claims.rol.as_str(),
            issuer: claims.iss.as_str().to_owned(),
            audience: claims.aud.as_str().to_owned(),
            subject: claims.sub.as_str().to_owned(),
            version: claims.ver.as_str().to_owned(),
            scopes: claims.scp.iter().map(str::to_owned).collect(),
            ip_address: claims.ipa.map(|address| address.to_string()),
            expires: claims.expires_at(),
        }
    }
}

impl KeyRow {
    fn new(key: &ApiKey, now: Timestamp) -> Self {
        Self {
            id: key.id,
            name: key.name.as_ref().map(|name| name.as_str().to_owned()),
            prefix: key.prefix.clone(),
            state: key.state(now).as_str(),
            issuer: key.issuer.as_str().to_owned(),
            audience: key.audience.as_str().to_owned(),
            subject: key.subject.as_str().to_owned(),
            version: key.version.as_str().to_owned(),
            scopes: key.scopes.iter().map(str::to_owned).collect(),
            ip_address: key.address.map(|address| address.to_string()),
            created: key.created_at,
            last_used: key.last_used_at,
            expires: key.key_expires_at,
            ends: key.ends_at.min(key.expires_at),
        }
    }
}
