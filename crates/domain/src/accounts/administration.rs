//! Who may do what to an account that is perhaps not theirs, as one pure rule (A5, P2, C62).
//!
//! A store asks it inside the write that carries out the verdict, about the account as it is there.

use super::{AccountState, Name, Standing};
use crate::{
    actor::{Actor, Role},
    effects::Effects,
    id::AccountId,
    secret::SecretHash,
};

/// Who administers, as their role was when they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrator {
    /// Whoever has the command line may everything that a superuser may.
    Operator,
    /// A superuser.
    Superuser(AccountId),
    /// Staff: they administer accounts that are neither staff nor superuser.
    Staff(AccountId),
}

impl Administrator {
    /// The administrator that an account of this role is; none where it is not one.
    #[must_use]
    pub const fn of(account: AccountId, role: Role) -> Option<Self> {
        match role {
            Role::Superuser => Some(Self::Superuser(account)),
            Role::Staff => Some(Self::Staff(account)),
            Role::Authenticated => None,
        }
    }

    /// Who acts, for the audit log.
    #[must_use]
    pub const fn actor(self) -> Actor {
        match self {
            Self::Operator => Actor::Operator,
            Self::Superuser(id) | Self::Staff(id) => Actor::Account(id),
        }
    }

    /// Their account; an operator has none.
    #[must_use]
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Operator => None,
            Self::Superuser(id) | Self::Staff(id) => Some(id),
        }
    }

    /// May they act on accounts of this role, and invite somebody to it?
    #[must_use]
    pub const fn may_act_on(self, role: Role) -> bool {
        match self {
            Self::Operator | Self::Superuser(_) => true,
            Self::Staff(_) => matches!(role, Role::Authenticated),
        }
    }
}

/// What is done to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Its name is set, or taken away.
    Rename(Option<Name>),
    /// It is closed, and its sessions end.
    Lock,
    /// It is opened, and its failed sign-ins are forgotten.
    Unlock,
    /// It is closed until its password is reset, and its sessions end (S15).
    MarkCompromised,
    /// It gets this role, and its sessions end: their tokens carry the old one.
    ChangeRole(Role),
    /// Its sessions end.
    EndSessions,
}

impl AccountChange {
    /// Is it one that nobody makes to their own account (C62)?
    const fn is_for_others(&self) -> bool {
        matches!(self, Self::Lock | Self::Unlock | Self::MarkCompromised | Self::ChangeRole(_))
    }
}

/// A change that an administrator makes.
#[derive(Clone, Debug)]
pub struct AdministerAccount {
    /// To which account.
    pub account: AccountId,
    /// By whom.
    pub by: Administrator,
    /// What is changed.
    pub change: AccountChange,
    /// The failed sign-ins of its addresses, to be forgotten by an unlock.
    pub failures: Vec<SecretHash>,
    /// The event.
    pub effects: Effects,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdministrationRefusal {
    /// It takes a superuser.
    #[error("only a superuser may do this")]
    InsufficientRole,
    /// Nobody changes their own role or lock (C62).
    #[error("nobody changes their own role or lock")]
    OwnAccount,
    /// The last superuser who may sign in stays one.
    #[error("the last superuser stays")]
    LastSuperuser,
    /// Only a reset of the password opens a compromised account, and it is closed already.
    #[error("the account is marked compromised: only a new password opens it")]
    Compromised,
}

impl AdministrationRefusal {
    /// Its slug in answers and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientRole => "insufficient_role",
            Self::OwnAccount => "own_account",
            Self::LastSuperuser => "last_superuser",
            Self::Compromised => "account_compromised",
        }
    }
}

/// What a store has to do about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdministrationVerdict {
    /// Nothing is written.
    Refuse(AdministrationRefusal),
    /// It is so already: nothing is written.
    Leave,
    /// This standing is written, with the effects.
    Become(Standing),
    /// The same, if another superuser may sign in at this moment; else it is the last one's and refused.
    BecomeUnlessLast(Standing),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administered {
    /// It was made.
    Done,
    /// It was so already.
    Unchanged,
    /// It was refused.
    Refused(AdministrationRefusal),
    /// There is no such account.
    NotFound,
}

impl Administered {
    /// Its slug where several are told at once.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Refused(refusal) => refusal.as_str(),
            Self::NotFound => "not_found",
        }
    }
}

impl AdministerAccount {
    /// Judges this change to an account that was found. To be asked inside the write.
    #[must_use]
    pub fn judge(&self, found: Standing) -> AdministrationVerdict {
        use AdministrationVerdict::{Become, BecomeUnlessLast, Leave, Refuse};
        if let Err(refusal) = self.may(found.role) {
            return Refuse(refusal);
        }
        let next = Standing { epoch: found.epoch.saturating_add(1), ..found };
        let new = match (&self.change, found.state) {
            (AccountChange::Rename(_), _) | (AccountChange::Unlock, AccountState::Active) => found,
            (AccountChange::Unlock, AccountState::Locked) => {
                Standing { state: AccountState::Active, ..found }
            }
            (AccountChange::Lock | AccountChange::Unlock, AccountState::Compromised) => {
                return Refuse(AdministrationRefusal::Compromised);
            }
            (AccountChange::Lock, AccountState::Locked)
            | (AccountChange::MarkCompromised, AccountState::Compromised) => return Leave,
            (AccountChange::Lock, AccountState::Active) => Standing { state: AccountState::Locked, ..next },
            (AccountChange::MarkCompromised, AccountState::Active | AccountState::Locked) => {
                Standing { state: AccountState::Compromised, ..next }
            }
            (AccountChange::ChangeRole(role), _) if *role == found.role => return Leave,
            (AccountChange::ChangeRole(role), _) => Standing { role: *role, ..next },
            (AccountChange::EndSessions, _) => next,
        };
        if found.is_acting_superuser() && !new.is_acting_superuser() {
            BecomeUnlessLast(new)
        } else {
            Become(new)
        }
    }

    fn may(&self, role: Role) -> Result<(), AdministrationRefusal> {
        if self.change.is_for_others() && self.by.account() == Some(self.account) {
            return Err(AdministrationRefusal::OwnAccount);
        }
        // Who may act on superusers may also make one.
        let needed = if matches!(self.change, AccountChange::ChangeRole(_)) { Role::Superuser } else { role };
        if self.by.may_act_on(needed) { Ok(()) } else { Err(AdministrationRefusal::InsufficientRole) }
    }
}

impl Standing {
    /// Is it a superuser's who may sign in? One of them always stays.
    #[must_use]
    pub const fn is_acting_superuser(&self) -> bool {
        matches!(self.role, Role::Superuser) && self.state.may_sign_in()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AccountChange::{ChangeRole, EndSessions, Lock, MarkCompromised, Rename, Unlock},
        AccountState::{Active, Compromised, Locked},
        AdministrationRefusal::{InsufficientRole, OwnAccount},
        AdministrationVerdict::{Become, BecomeUnlessLast, Leave, Refuse},
        *,
    };

    const TARGET: AccountId = AccountId::from_bytes([1; 16]);
    const OTHER: AccountId = AccountId::from_bytes([2; 16]);
    const ROLES: [Role; 3] = [Role::Superuser, Role::Staff, Role::Authenticated];
    const STATES: [AccountState; 3] = [Active, Locked, Compromised];

    fn changes() -> Vec<AccountChange> {
        let mut changes = vec![Rename(None), Lock, Unlock, MarkCompromised, EndSessions];
        changes.extend(ROLES.map(ChangeRole));
        changes
    }

    fn judge(by: Administrator, change: &AccountChange, found: Standing) -> AdministrationVerdict {
        let change = change.clone();
        let effects = Effects::default();
        AdministerAccount { account: TARGET, by, change, failures: Vec::new(), effects }.judge(found)
    }

    fn standings() -> impl Iterator<Item = Standing> {
        ROLES.into_iter().flat_map(|role| STATES.map(|state| Standing { state, role, epoch: 7 }))
    }

    /// A5, P2: staff act on nobody but people, and give no roles.
    #[test]
    fn staff_administer_only_people() {
        for found in standings() {
            for change in changes() {
                let verdict = judge(Administrator::Staff(OTHER), &change, found);
                let may = found.role == Role::Authenticated && !matches!(change, ChangeRole(_));
                assert_eq!(verdict != Refuse(InsufficientRole), may, "{change:?} {found:?}");
            }
        }
    }

    /// C62: nobody changes their own role or lock, whatever they are.
    #[test]
    fn nobody_changes_their_own_role_or_lock() {
        for found in standings() {
            for by in [Administrator::Superuser(TARGET), Administrator::Staff(TARGET)] {
                for change in changes().iter().filter(|change| change.is_for_others()) {
                    assert_eq!(judge(by, change, found), Refuse(OwnAccount), "{change:?} {found:?}");
                }
            }
        }
    }

    /// A5: whatever takes a superuser away who may sign in asks for another one, and nothing else does.
    #[test]
    fn taking_a_superuser_away_asks_for_another() {
        for found in standings() {
            for change in changes() {
                let verdict = judge(Administrator::Operator, &change, found);
                let takes_away = found.is_acting_superuser()
                    && (matches!(change, Lock | MarkCompromised)
                        || matches!(&change, ChangeRole(role) if *role != Role::Superuser));
                assert_eq!(matches!(verdict, BecomeUnlessLast(_)), takes_away, "{change:?} {found:?}");
            }
        }
    }

    /// S10, S15: whatever closes an account or changes its role ends its sessions; opening revives none.
    #[test]
    fn sessions_end_with_the_lock_and_with_the_role() {
        for found in standings() {
            for change in changes() {
                if let Become(new) | BecomeUnlessLast(new) = judge(Administrator::Operator, &change, found) {
                    let ends = !matches!(change, Rename(_) | Unlock);
                    assert_eq!(new.epoch, found.epoch + u64::from(ends), "{change:?} {found:?}");
                }
            }
        }
    }

    /// S15: neither a lock nor an unlock touches a compromised account; what is so already is left.
    #[test]
    fn a_compromised_account_stays_so() {
        let found = |state| Standing { state, role: Role::Authenticated, epoch: 7 };
        let closed = Refuse(AdministrationRefusal::Compromised);
        for by in [Administrator::Operator, Administrator::Staff(OTHER)] {
            assert_eq!(judge(by, &Unlock, found(Compromised)), closed);
            assert_eq!(judge(by, &Lock, found(Compromised)), closed);
            assert_eq!(judge(by, &MarkCompromised, found(Compromised)), Leave);
            assert_eq!(judge(by, &Lock, found(Locked)), Leave);
            assert_eq!(judge(by, &Unlock, found(Active)), Become(found(Active)));
        }
    }
}
