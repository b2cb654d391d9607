//! What device tokens stand on: the account of their holder, where there is one, and the licence that they were given
//! for, where that is kept here. Both are read after the tokens, so they are never as of an earlier moment.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_domain::{
    accounts::Standing,
    device_tokens::{FoundDeviceToken, Holder},
    id::{AccountId, LicenseId},
    store_error::StoreError,
};

use super::items::Kept;
use crate::dynamodb::{
    DynamoStore, accounts,
    items::Found,
    keys::{self, Key},
    licenses,
    transaction::Transaction,
};

/// A holder who may have tokens.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// An account that may be used.
    Account(AccountId, Standing),
    /// Somebody without an account here.
    External,
}

impl Owner {
    /// This holder; none where their account is not there or may not be used.
    pub(super) async fn find(store: &DynamoStore, holder: &Holder) -> Result<Option<Self>, StoreError> {
        match holder {
            Holder::Account(id) => Self::of(*id, store.get(keys::account(*id)).await?.as_ref()),
            Holder::External(_) => Ok(Some(Self::External)),
        }
    }

    fn of(id: AccountId, account: Option<&Found>) -> Result<Option<Self>, StoreError> {
        let Some(standing) = account.map(accounts::standing).transpose()? else { return Ok(None) };
        Ok(standing.state.may_sign_in().then_some(Self::Account(id, standing)))
    }

    /// The epoch that tokens which are written now belong to.
    pub(super) const fn epoch(&self) -> Option<u64> {
        match self {
            Self::Account(_, standing) => Some(standing.epoch),
            Self::External => None,
        }
    }

    /// Demands that they may still have tokens, and that those of this epoch have not ended since.
    pub(super) fn check(&self, transaction: &mut Transaction) {
        if let Self::Account(id, standing) = self {
            transaction.check(keys::account(*id), accounts::stands(standing));
        }
    }
}

/// What there is of the accounts and licences of some tokens.
pub(super) struct Grounds {
    /// Accounts that may be used.
    owners: BTreeMap<AccountId, Owner>,
    /// Licences that were not ended.
    licenses: BTreeSet<LicenseId>,
}

impl Grounds {
    pub(super) async fn of(store: &DynamoStore, tokens: &[Kept]) -> Result<Self, StoreError> {
        // A batch must not name a key twice.
        let accounts: BTreeSet<AccountId> =
            tokens.iter().filter_map(|kept| kept.token.holder.account()).collect();
        let licenses: BTreeSet<LicenseId> = tokens.iter().filter_map(|kept| kept.token.license).collect();
        let mut wanted: Vec<Key> = accounts.iter().copied().map(keys::account).collect();
        wanted.extend(licenses.iter().copied().map(keys::license));
        let mut found = store.get_many(&wanted).await?.into_iter();
        let mut grounds = Self { owners: BTreeMap::new(), licenses: BTreeSet::new() };
        for id in accounts {
            let account = found.next().flatten();
            grounds.owners.extend(Owner::of(id, account.as_ref())?.map(|owner| (id, owner)));
        }
        for id in licenses {
            if let Some(license) = found.next().flatten()
                && licenses::stands(&license)?
            {
                grounds.licenses.insert(id);
            }
        }
        Ok(grounds)
    }

    /// The holder of one of the tokens; none where their account is not there or may not be used.
    pub(super) fn owner(&self, holder: &Holder) -> Option<Owner> {
        match holder {
            Holder::Account(id) => self.owners.get(id).copied(),
            Holder::External(_) => Some(Owner::External),
        }
    }

    /// One of the tokens, and whether it was ended with what it stands on.
    pub(super) fn judge(&self, kept: Kept) -> FoundDeviceToken {
        let owner = self.owner(&kept.token.holder);
        let has_rights = owner.is_some_and(|owner| owner.epoch() == kept.epoch);
        let has_license = kept.token.license.is_none_or(|license| self.licenses.contains(&license));
        FoundDeviceToken { token: kept.token, is_revoked: !(has_rights && has_license) }
    }
}
