//! Keys that another system gave out, known by the SHA-256 of the whole text (K15). They say nothing by themselves: what they are for
//! is in the store, so that they are verified against it only; and they are not refreshed.

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ApiKeyClaims, ApiKeyText, ApiKeys, FoundApiKey, IssueApiKey, IssueApiKeyError, IssueOutcome, NewApiKey,
    NewApiKeyToken, PREFIX, Scopes, claims::ApiKeySecret,
};
use crate::{
    accounts::Name,
    actor::{Actor, Origin, Role},
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    secret::SecretHash,
    store_error::StoreError,
};

/// What lists show of an imported key in the place of its beginning, which nobody here knows.
const SHOWN: &str = "imported";
/// A longer text is none (C54).
const LONGEST: usize = 16 * 1_024;

/// A key that somebody holds already.
#[derive(Clone, Debug)]
pub struct ImportedApiKey {
    /// The SHA-256 of the whole text.
    pub hash: SecretHash,
    /// `iss`, as a verification is to show it.
    pub issuer: ApiKeyText,
    /// `aud`.
    pub audience: ApiKeyText,
    /// `sub`.
    pub subject: ApiKeyText,
    /// `ver`.
    pub version: ApiKeyText,
    /// `scp`.
    pub scopes: Scopes,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// When it ends. No ceiling holds for it: it was given out by somebody else.
    pub expires_at: Timestamp,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It counts from now on.
    Done(ApiKeyId),
    /// It is there already, whatever it says.
    Known(ApiKeyId),
}

impl ApiKeys {
    /// Takes over a key for an account, which has that role and no more live keys than it may. Doing so again changes nothing.
    ///
    /// # Errors
    /// See [`IssueApiKeyError`].
    pub async fn import(
        &self,
        actor: Actor,
        (owner, role): (AccountId, Role),
        key: ImportedApiKey,
        origin: &Origin,
    ) -> Result<Imported, IssueApiKeyError> {
        let token_id = token_id(key.hash);
        if let Some(known) = self.ports.store.find(token_id).await? {
            return Ok(Imported::Known(known.key.id));
        }
        let most = self.most_of(owner).await?;
        let now = self.now();
        let id = ApiKeyId::new(self.ports.clock.now(), &*self.ports.entropy);
        let token = NewApiKeyToken {
            id: token_id,
            hash: key.hash,
            not_before: now,
            expires_at: key.expires_at,
            refresh: None,
        };
        let key = NewApiKey {
            id,
            owner,
            role,
            issuer: key.issuer,
            audience: key.audience,
            subject: key.subject,
            version: key.version,
            scopes: key.scopes,
            address: None,
            name: key.name,
            rate_limit: None,
            lifetime: key.expires_at.since(now),
            refresh: None,
            created_at: now,
            expires_at: key.expires_at,
            prefix: SHOWN.to_owned(),
            token,
        };
        let event = self.event(Act::API_KEY_IMPORTED, actor, origin, now).on(id);
        match self
            .ports
            .store
            .issue(IssueApiKey { key, session: None, most, effects: Effects::event(event) })
            .await?
        {
            IssueOutcome::Issued => Ok(Imported::Done(id)),
            IssueOutcome::Denied => Err(IssueApiKeyError::Denied),
            IssueOutcome::Full { free_at } => Err(IssueApiKeyError::full(most, free_at.since(now))),
        }
    }

    /// The claims of an imported key, as the store has them; none where there is none. Whether they count is the caller's to
    /// judge.
    pub(super) async fn find_imported(
        &self,
        text: &SecretString,
    ) -> Result<Option<(ApiKeyClaims, FoundApiKey)>, StoreError> {
        let text = text.expose_secret();
        if text.is_empty() || text.len() > LONGEST || text.starts_with(PREFIX) {
            return Ok(None);
        }
        let tkn = ApiKeySecret::of_text(text);
        let found = self.ports.store.find(token_id(tkn.hash())).await?;
        Ok(found.map(|found| (claims(&found, tkn), found)))
    }
}

/// An imported key is found by the beginning of its hash, which nobody chooses.
fn token_id(hash: SecretHash) -> ApiKeyTokenId {
    let mut id = [0; 16];
    id.iter_mut().zip(hash.as_bytes()).for_each(|(place, byte)| *place = *byte);
    ApiKeyTokenId::from_bytes(id)
}

fn claims(found: &FoundApiKey, tkn: ApiKeySecret) -> ApiKeyClaims {
    let FoundApiKey { token, key } = found;
    ApiKeyClaims {
        iss: key.issuer.clone(),
        ver: key.version.clone(),
        uid: key.owner,
        rol: key.role,
        aud: key.audience.clone(),
        sub: key.subject.clone(),
        ipa: key.address,
        tkn,
        fam: key.id,
        jti: token.token.id,
        iat: key.created_at.seconds(),
        nbf: token.token.not_before.seconds(),
        exp: token.token.expires_at.seconds(),
        scp: key.scopes.clone(),
    }
}
