//! What administrators change: one fact each, and the last superuser.

use symbolon_domain::{
    accounts::{
        AccountChange,
        AccountChange::{ChangeRole, EndSessions, Lock, MarkCompromised, Rename, Unlock},
        AccountState, AdministerAccount, Administered, AdministrationRefusal, Administrator, Standing,
    },
    actor::Role,
    audit::Act,
    effects::Effects,
    id::AccountId,
    sessions::SessionState,
    sign_in::throttle::{Throttle, ThrottleLimits},
};

use crate::contract::{
    Stores,
    given::{DAY, Drawn, MANY, at, count, event, events_of, hash, person, race, written},
};

fn command(account: AccountId, change: AccountChange) -> AdministerAccount {
    let event = event(Act::ADMINISTRATION_CALLED, at(50));
    let effects = Effects::event(event);
    AdministerAccount { account, by: Administrator::Operator, change, failures: Vec::new(), effects }
}

pub(crate) async fn administer(stores: &Stores, account: AccountId, change: AccountChange) -> Administered {
    stores.accounts.administer(command(account, change)).await.unwrap()
}

async fn standing(stores: &Stores, account: AccountId) -> Standing {
    stores.accounts.find(account).await.unwrap().unwrap().standing
}

/// Somebody with this role.
pub(crate) async fn person_as(stores: &Stores, address: &str, role: Role) -> AccountId {
    let id = person(stores, address, at(0)).await.id;
    if role != Role::Authenticated {
        assert_eq!(administer(stores, id, ChangeRole(role)).await, Administered::Done);
    }
    id
}

/// A5, G2: seen by the next read, each with its event; nobody else is touched.
pub(crate) async fn each_change_is_written_with_its_event(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    let name = Some("Ada Lovelace".parse().unwrap());
    for (number, (change, state, role, epoch)) in (1..).zip([
        (Rename(name.clone()), AccountState::Active, Role::Authenticated, 0),
        (ChangeRole(Role::Staff), AccountState::Active, Role::Staff, 1),
        (ChangeRole(Role::Superuser), AccountState::Active, Role::Superuser, 2),
        (ChangeRole(Role::Superuser), AccountState::Active, Role::Superuser, 2),
        (EndSessions, AccountState::Active, Role::Superuser, 3),
    ]) {
        administer(stores, ada, change).await;
        assert_eq!(standing(stores, ada).await, Standing { state, role, epoch });
        let events = events_of(stores, Act::ADMINISTRATION_CALLED).await.len();
        assert_eq!(events, if number > 3 { number - 1 } else { number });
    }
    assert_eq!(stores.accounts.find(ada).await.unwrap().unwrap().name, name);
    assert_eq!(administer(stores, ada, Rename(None)).await, Administered::Done);
    assert_eq!(stores.accounts.find(ada).await.unwrap().unwrap().name, None);
    let untouched = Standing { state: AccountState::Active, role: Role::Authenticated, epoch: 0 };
    assert_eq!(standing(stores, eve).await, untouched);
}

/// S10, A5: at once, in the same write.
pub(crate) async fn a_lock_ends_the_sessions_and_an_unlock_revives_none(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    for change in [Lock, Unlock] {
        assert_eq!(administer(stores, ada.id, change).await, Administered::Done);
        let session = stores.sessions.find(ada.session.id).await.unwrap().unwrap();
        assert_eq!(session.state(at(1)), SessionState::Revoked);
    }
    assert_eq!(standing(stores, ada.id).await.state, AccountState::Active);
}

/// S14: an administrator may unlock, however many failures there were.
pub(crate) async fn an_unlock_forgets_the_failures(stores: &Stores) {
    let limits = ThrottleLimits { lock_after: 1, lock_for: DAY };
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let (address, other) = (hash(), hash());
    for address in [address, other] {
        stores.sign_ins.reserve_attempt(address, limits, at(0)).await.unwrap().unwrap();
    }
    let unlock = AdministerAccount { failures: vec![address, hash()], ..command(ada, Unlock) };
    assert_eq!(stores.accounts.administer(unlock).await.unwrap(), Administered::Done);
    let first = Throttle { failures: 1, next_at: Some(at(1) + DAY) };
    assert_eq!(stores.sign_ins.reserve_attempt(address, limits, at(1)).await.unwrap(), Ok(first));
    assert!(stores.sign_ins.reserve_attempt(other, limits, at(1)).await.unwrap().is_err());
}

/// S15: it stays closed until its password is reset.
pub(crate) async fn a_compromised_account_is_neither_locked_nor_unlocked(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    assert_eq!(administer(stores, ada.id, Lock).await, Administered::Done);
    assert_eq!(administer(stores, ada.id, MarkCompromised).await, Administered::Done);
    let refused = Administered::Refused(AdministrationRefusal::Compromised);
    assert_eq!(administer(stores, ada.id, Lock).await, refused);
    assert_eq!(administer(stores, ada.id, Unlock).await, refused);
    let closed = Standing { state: AccountState::Compromised, role: Role::Authenticated, epoch: 2 };
    assert_eq!(standing(stores, ada.id).await, closed);
    let session = stores.sessions.find(ada.session.id).await.unwrap().unwrap();
    assert_eq!(session.state(at(1)), SessionState::Revoked);
}

pub(crate) async fn what_is_refused_or_so_already_writes_nothing(stores: &Stores) {
    let staff = person_as(stores, "staff@example.org", Role::Staff).await;
    let root = person_as(stores, "root@example.org", Role::Superuser).await;
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    assert_eq!(administer(stores, ada, MarkCompromised).await, Administered::Done);
    let before = (written(stores).await, standing(stores, ada).await, standing(stores, root).await);
    let insufficient = Administered::Refused(AdministrationRefusal::InsufficientRole);
    for (account, by, change, outcome) in [
        (root, Administrator::Staff(staff), Rename(None), insufficient),
        (root, Administrator::Staff(staff), EndSessions, insufficient),
        (ada, Administrator::Staff(staff), ChangeRole(Role::Staff), insufficient),
        (
            root,
            Administrator::Superuser(root),
            ChangeRole(Role::Staff),
            Administered::Refused(AdministrationRefusal::OwnAccount),
        ),
        (ada, Administrator::Operator, MarkCompromised, Administered::Unchanged),
        (ada, Administrator::Operator, ChangeRole(Role::Authenticated), Administered::Unchanged),
        (AccountId::new(at(0), &Drawn), Administrator::Operator, Lock, Administered::NotFound),
    ] {
        let command = AdministerAccount { by, ..command(account, change) };
        assert_eq!(stores.accounts.administer(command).await.unwrap(), outcome);
    }
    let after = (written(stores).await, standing(stores, ada).await, standing(stores, root).await);
    assert_eq!(after, before);
}

/// A5: neither demoted nor locked nor marked, and free to go when there is another.
pub(crate) async fn the_last_superuser_stays(stores: &Stores) {
    let root = person_as(stores, "root@example.org", Role::Superuser).await;
    let last = Administered::Refused(AdministrationRefusal::LastSuperuser);
    let before = (written(stores).await, standing(stores, root).await);
    for change in [Lock, MarkCompromised, ChangeRole(Role::Staff), ChangeRole(Role::Authenticated)] {
        assert_eq!(administer(stores, root, change).await, last);
    }
    assert_eq!((written(stores).await, standing(stores, root).await), before);
    let other = person_as(stores, "other@example.org", Role::Superuser).await;
    assert_eq!(administer(stores, root, ChangeRole(Role::Authenticated)).await, Administered::Done);
    assert_eq!(administer(stores, other, Lock).await, last);
    assert_eq!(administer(stores, root, ChangeRole(Role::Superuser)).await, Administered::Done);
    assert_eq!(administer(stores, other, Lock).await, Administered::Done);
}

/// A5: who is locked could not let anybody in.
pub(crate) async fn a_superuser_who_may_not_sign_in_is_no_other_one(stores: &Stores) {
    let one = person_as(stores, "one@example.org", Role::Superuser).await;
    let two = person_as(stores, "two@example.org", Role::Superuser).await;
    let last = Administered::Refused(AdministrationRefusal::LastSuperuser);
    assert_eq!(administer(stores, two, Lock).await, Administered::Done);
    assert_eq!(administer(stores, one, ChangeRole(Role::Staff)).await, last);
    // A locked one may go: it is not the last who can act.
    assert_eq!(administer(stores, two, ChangeRole(Role::Staff)).await, Administered::Done);
    assert_eq!(administer(stores, two, ChangeRole(Role::Superuser)).await, Administered::Done);
    assert_eq!(administer(stores, one, MarkCompromised).await, last);
    assert_eq!(administer(stores, two, Unlock).await, Administered::Done);
    assert_eq!(administer(stores, one, MarkCompromised).await, Administered::Done);
}

/// A5: however they are taken away, and at the same moment, exactly one remains.
pub(crate) async fn of_many_who_take_all_superusers_away_one_is_refused(stores: &Stores) {
    let mut superusers = Vec::new();
    for number in 0..5 {
        superusers.push(person_as(stores, &format!("root{number}@example.org"), Role::Superuser).await);
    }
    let taking = (0..MANY).map(|number| {
        let (stores, account) = (stores.clone(), superusers[number % superusers.len()]);
        let change = [Lock, ChangeRole(Role::Staff), MarkCompromised][number % 3].clone();
        async move { administer(&stores, account, change).await }
    });
    let outcomes = race(taking).await;
    let mut remaining = 0;
    for account in superusers {
        remaining += usize::from(standing(stores, account).await.is_acting_superuser());
    }
    assert_eq!(remaining, 1, "{outcomes:?}");
    let last = Administered::Refused(AdministrationRefusal::LastSuperuser);
    assert!(count(&outcomes, |outcome| *outcome == last) >= 1);
}

pub(crate) async fn of_many_locks_at_once_one_is_written(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let locking = (0..MANY).map(|_| {
        let stores = stores.clone();
        async move { administer(&stores, ada, Lock).await }
    });
    let outcomes = race(locking).await;
    assert_eq!(count(&outcomes, |outcome| *outcome == Administered::Done), 1);
    assert_eq!(count(&outcomes, |outcome| *outcome == Administered::Unchanged), MANY - 1);
    assert_eq!(standing(stores, ada).await.epoch, 1);
    assert_eq!(events_of(stores, Act::ADMINISTRATION_CALLED).await.len(), 1);
}
