//! Issuing an API key (K1–K4, K12).

use std::{net::IpAddr, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{
    ApiKeyAddress, ApiKeyClaims, ApiKeyFault, ApiKeyGrant, ApiKeyText, ApiKeys, FAMILY_LIFETIME, IssueApiKey,
    IssueOutcome, Life, MOST_LIVE_KEYS, NewApiKey, NewApiKeyToken, RateLimit, RefreshHash, RefreshHashing,
    RefreshLife, RefreshPart, Scopes, claims::ApiKeySecret,
};
use crate::{
    access::{AccessError, Action, ItemKind, Limit, Who},
    accounts::Name,
    actor::{Actor, Origin, Role},
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    entropy::random_bytes,
    id::{AccountId, ApiKeyId, ApiKeyTokenId, SessionId},
    passwords::{HashError, Password},
    secret::{OpaqueToken, TokenKind},
    sessions::SignedIn,
    store_error::StoreError,
};

/// What a key is asked for.
#[derive(Clone, Debug)]
pub struct ApiKeyRequest {
    /// `iss`.
    pub issuer: ApiKeyText,
    /// `aud`.
    pub audience: ApiKeyText,
    /// `sub`.
    pub subject: ApiKeyText,
    /// `ver`.
    pub version: ApiKeyText,
    /// Its life.
    pub life: Life,
    /// The addresses that it is bound to.
    pub address: Option<ApiKeyAddress>,
    /// The life of its refresh token, if it is to have one.
    pub refresh: Option<Life>,
    /// Its scopes.
    pub scopes: Scopes,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// How often it may be verified.
    pub rate_limit: Option<RateLimit>,
}

impl ApiKeyRequest {
    /// Does it, or what it may be refreshed to, live over a day, so that it needs a fresh sign-in (F7)?
    #[must_use]
    pub fn is_long_lived(&self) -> bool {
        self.life.is_long() || self.refresh.is_some_and(Life::is_long)
    }
}

/// Why no key was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueApiKeyError {
    /// The access policy does not allow it, or the owner may not act.
    #[error("the account may not have this key")]
    Denied,
    /// It would live over a day, which the owner's role may not have (K3).
    #[error("a key that lives over a day is for the roles of `api_keys.long_lived_roles`")]
    LongLived,
    /// The owner has as many live keys as they may (K12).
    #[error("the account has as many keys as it may")]
    Full {
        /// When one of them ends by itself; none where none is allowed, so that waiting does not help.
        retry_after: Option<Duration>,
    },
    /// The access policy could not be asked.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The refresh token could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The key could not be sealed.
    #[error(transparent)]
    Seal(#[from] ApiKeyFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IssueApiKeyError {
    /// All of the keys that the owner may have are there; one ends by itself after so long.
    pub(super) fn full(most: u32, wait: Duration) -> Self {
        Self::Full { retry_after: (most > 0).then_some(wait) }
    }
}

/// Who is to hold a key, and in which session they ask for it. The hash of its refresh token may take a while: the session
/// must still be there when the key is written.
struct Holder {
    owner: AccountId,
    role: Role,
    session: Option<SessionId>,
}

impl ApiKeys {
    /// Issues a key to an account for itself. Owner and role come from the store, never from the request (K1).
    ///
    /// # Errors
    /// See [`IssueApiKeyError`].
    pub async fn issue(
        &self,
        caller: &SignedIn,
        request: ApiKeyRequest,
        origin: &Origin,
    ) -> Result<ApiKeyGrant, IssueApiKeyError> {
        let holder = Holder { owner: caller.account_id, role: caller.role, session: Some(caller.session_id) };
        self.issue_to(Actor::Account(caller.account_id), holder, request, origin).await
    }

    /// Issues a key to an account, which must be allowed to have it, in the name of `actor`: for operators.
    ///
    /// # Errors
    /// See [`IssueApiKeyError`].
    pub async fn issue_by(
        &self,
        actor: Actor,
        owner: AccountId,
        role: Role,
        request: ApiKeyRequest,
        origin: &Origin,
    ) -> Result<ApiKeyGrant, IssueApiKeyError> {
        self.issue_to(actor, Holder { owner, role, session: None }, request, origin).await
    }

    async fn issue_to(
        &self,
        actor: Actor,
        Holder { owner, role, session }: Holder,
        request: ApiKeyRequest,
        origin: &Origin,
    ) -> Result<ApiKeyGrant, IssueApiKeyError> {
        let (holder, item) = (Actor::Account(owner), ItemKind::API_KEY);
        let decision = self.ports.access.allowed(holder, Action::Create, item, owner).await?;
        let is_too_long = request.life.is_long() && !self.settings.long_lived_roles.contains(&role);
        if !decision.is_allowed() || is_too_long {
            self.note(Act::API_KEY_ISSUED, "access_denied", actor, origin);
            let denied = IssueApiKeyError::Denied;
            return Err(if decision.is_allowed() { IssueApiKeyError::LongLived } else { denied });
        }
        let most = self.most_of(owner).await?;
        let now = self.now();
        let Made { key, grant } = self.make(owner, role, request, now).await?;
        let event = self.event(Act::API_KEY_ISSUED, actor, origin, now).on(key.id);
        let command = IssueApiKey { key, session, most, effects: Effects::event(event) };
        match self.ports.store.issue(command).await? {
            IssueOutcome::Issued => Ok(grant),
            IssueOutcome::Denied => {
                self.note(Act::API_KEY_ISSUED, "access_denied", actor, origin);
                Err(IssueApiKeyError::Denied)
            }
            IssueOutcome::Full { free_at } => {
                self.note(Act::API_KEY_ISSUED, "too_many", actor, origin);
                Err(IssueApiKeyError::full(most, free_at.since(now)))
            }
        }
    }

    /// So many live keys this owner may have (K12).
    pub(super) async fn most_of(&self, owner: AccountId) -> Result<u32, StoreError> {
        let limit = Limit::Max("api_key".to_owned());
        let most = self.ports.access.limit(Who::Account(owner), &limit).await?;
        Ok(most.map_or(MOST_LIVE_KEYS, |most| u32::try_from(most).unwrap_or(u32::MAX)))
    }

    async fn make(
        &self,
        owner: AccountId,
        role: Role,
        request: ApiKeyRequest,
        now: Timestamp,
    ) -> Result<Made, IssueApiKeyError> {
        // To the millisecond: lists are in the order of the ids.
        let id = ApiKeyId::new(self.ports.clock.now(), &*self.ports.entropy);
        // A key without a refresh token lives as long as it was asked for; a family that is refreshed has an end (K3).
        let ends_at = now + request.refresh.map_or(request.life.lifetime(), |_| FAMILY_LIFETIME);
        let times = KeyTimes { key: request.life, refresh: request.refresh, ends_at };
        let (token, secrets) = self.draw(now, times).await?;
        let claims = ApiKeyClaims {
            iss: request.issuer.clone(),
            ver: request.version.clone(),
            uid: owner,
            rol: role,
            aud: request.audience.clone(),
            sub: request.subject.clone(),
            ipa: request.address,
            tkn: secrets.secret,
            fam: id,
            jti: token.id,
            iat: now.seconds(),
            nbf: token.not_before.seconds(),
            exp: token.expires_at.seconds(),
            scp: request.scopes.clone(),
        };
        let sealed = self.seal(&claims, now)?;
        let grant = ApiKeyGrant {
            id,
            expires_at: token.expires_at,
            refresh_expires_at: token.refresh.as_ref().map(|refresh| refresh.expires_at),
            refresh_token: secrets.refresh_token,
            api_key: sealed.text,
        };
        let key = NewApiKey {
            id,
            owner,
            role,
            issuer: request.issuer,
            audience: request.audience,
            subject: request.subject,
            version: request.version,
            scopes: request.scopes,
            address: request.address,
            name: request.name,
            rate_limit: request.rate_limit,
            lifetime: request.life.lifetime(),
            refresh: request.refresh.map(|refresh| RefreshLife { lifetime: refresh.lifetime() }),
            created_at: now,
            expires_at: ends_at,
            prefix: sealed.prefix,
            token,
        };
        Ok(Made { key, grant })
    }

    /// The present in whole seconds, so that what a key says of its times is what the store keeps.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.ports.clock.now().seconds())
    }

    /// Draws the next key of a family and its refresh token.
    pub(super) async fn draw(
        &self,
        now: Timestamp,
        times: KeyTimes,
    ) -> Result<(NewApiKeyToken, KeySecrets), HashError> {
        let id = ApiKeyTokenId::new(now, &*self.ports.entropy);
        let bytes = Zeroizing::new(random_bytes::<32>(&*self.ports.entropy));
        let secret = ApiKeySecret::new(&bytes);
        let mut refresh = None;
        let mut refresh_token = None;
        if let Some(asked) = times.refresh {
            let token = OpaqueToken::generate(TokenKind::ApiKeyRefresh, *id.as_bytes(), &*self.ports.entropy);
            refresh = Some(RefreshPart {
                hash: self.hash_refresh(&token).await?,
                not_before: now + asked.not_before(),
                expires_at: (now + asked.lifetime()).min(times.ends_at),
            });
            refresh_token = Some(token);
        }
        let token = NewApiKeyToken {
            id,
            hash: secret.hash(),
            not_before: now + times.key.not_before(),
            expires_at: (now + times.key.lifetime()).min(times.ends_at),
            refresh,
        };
        Ok((token, KeySecrets { secret, refresh_token }))
    }

    async fn hash_refresh(&self, token: &OpaqueToken) -> Result<RefreshHash, HashError> {
        match self.settings.refresh_hash {
            RefreshHashing::Sha256 => Ok(RefreshHash::sha256(token)),
            RefreshHashing::Argon2id => {
                let hash = self.ports.hasher.hash(&as_password(token.reveal())?).await?;
                Ok(RefreshHash::from_stored(hash.as_phc().to_owned()))
            }
        }
    }

    pub(super) fn seal(&self, claims: &ApiKeyClaims, now: Timestamp) -> Result<SealedKey, ApiKeyFault> {
        let json = Zeroizing::new(serde_json::to_vec(claims).map_err(|_| ApiKeyFault::Claims)?);
        let text = self.ports.sealer.seal(&json, now)?;
        let prefix = text.expose_secret().chars().take(SHOWN).collect();
        Ok(SealedKey { text, prefix })
    }
}

/// So many characters of a key are shown in lists: `sym_ak_`, the version and purpose, and eight that tell keys apart.
const SHOWN: usize = 24;

/// A refresh token in the place of a password (K4).
pub(super) fn as_password(token: &SecretString) -> Result<Password, HashError> {
    Password::new(token).map_err(|_| HashError::Failed("a refresh token is no password".to_owned()))
}

/// How long the next key of a family lives.
pub(super) struct KeyTimes {
    pub(super) key: Life,
    pub(super) refresh: Option<Life>,
    pub(super) ends_at: Timestamp,
}

/// What only the holder of a key may have.
pub(super) struct KeySecrets {
    pub(super) secret: ApiKeySecret,
    pub(super) refresh_token: Option<OpaqueToken>,
}

/// A key as its holder gets it.
pub(super) struct SealedKey {
    pub(super) text: SecretString,
    pub(super) prefix: String,
}

struct Made {
    key: NewApiKey,
    grant: ApiKeyGrant,
}

/// Is an address that was stated inside a binding? A bound key without a stated address is not (K5).
pub(super) fn address_fits(binding: Option<&ApiKeyAddress>, stated: Option<IpAddr>) -> bool {
    binding.is_none_or(|binding| stated.is_some_and(|address| binding.holds(address)))
}
