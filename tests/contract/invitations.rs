//! The suite of `InvitationStore`.

mod open;

use std::time::Duration;

use symbolon_domain::{
    accounts::{AccountChange, AccountState, AdministerAccount, Administered, Administrator, Standing},
    actor::Role,
    audit::Act,
    effects::Effects,
    id::{AccountId, IdentifierId, InvitationId},
    invitations::{
        Invitation, NewInvitation, RedeemInvitation, RedeemRefusal, Superusers, WriteInvitationError,
    },
    sign_in::throttle::ThrottleLimits,
    sign_up::CompleteSignUpError,
};

use super::{
    Stores,
    accounts::person_as,
    given::{
        DAY, Drawn, MANY, MICROSECOND, at, completion, count, effects, email, event, events_of, hash,
        new_sign_up, person, phc, race, written,
    },
};

pub(crate) use self::open::{
    a_second_invitation_replaces_the_first, a_withdrawn_invitation_is_over,
    an_invitation_to_a_higher_role_is_not_replaced, invitations_that_count_are_listed_newest_first,
    of_a_redemption_and_a_withdrawal_one_wins, of_many_invitations_at_once_one_is_left,
};

pub(crate) fn new_invitation(address: &str, role: Role) -> NewInvitation {
    NewInvitation {
        id: InvitationId::new(at(0), &Drawn),
        hash: hash(),
        invitation: Invitation {
            address: email(address),
            role,
            name: Some("Ada".parse().unwrap()),
            invited_by: None,
            expires_at: at(0) + DAY,
        },
        by: Administrator::Operator,
        created_at: at(0),
        effects: effects(Act::INVITATION_CREATED, at(0)),
    }
}

pub(crate) fn redemption(of: &NewInvitation) -> RedeemInvitation {
    RedeemInvitation {
        id: of.id,
        hash: of.hash,
        account_id: AccountId::new(at(10), &Drawn),
        identifier_id: IdentifierId::new(at(10), &Drawn),
        name: Some("Ada Lovelace".parse().unwrap()),
        password: phc("password"),
        throttle: hash(),
        now: at(10),
        effects: Effects::event(event(Act::INVITATION_REDEEMED, at(10))),
    }
}

async fn invited(stores: &Stores, address: &str, role: Role) -> NewInvitation {
    let invitation = new_invitation(address, role);
    stores.invitations.write(invitation.clone()).await.unwrap();
    invitation
}

async fn is_gone(stores: &Stores, redemption: RedeemInvitation) -> bool {
    let before = written(stores).await;
    let outcome = stores.invitations.redeem(redemption).await;
    written(stores).await == before && matches!(outcome, Err(RedeemRefusal::Gone))
}

/// A5, M1: with its message and its event.
pub(crate) async fn an_invitation_is_found_as_it_was_written(stores: &Stores) {
    let inviter = person_as(stores, "root@example.org", Role::Superuser).await;
    let before = written(stores).await;
    let mut full = new_invitation("Ada@Example.org", Role::Staff);
    full.invitation.invited_by = Some(inviter);
    let mut bare = new_invitation("eve@example.org", Role::Authenticated);
    bare.invitation.name = None;
    for written in [full, bare] {
        stores.invitations.write(written.clone()).await.unwrap();
        let found = stores.invitations.find(written.id, written.hash).await.unwrap().unwrap();
        assert_eq!(found, written.invitation);
        assert_eq!(found.address.as_typed(), written.invitation.address.as_typed());
    }
    assert_eq!(written(stores).await, (before.0 + 2, before.1 + 2));
}

pub(crate) async fn only_its_token_finds_an_invitation(stores: &Stores) {
    let ada = invited(stores, "ada@example.org", Role::Staff).await;
    let eve = invited(stores, "eve@example.org", Role::Authenticated).await;
    assert_eq!(stores.invitations.find(ada.id, eve.hash).await.unwrap(), None);
    assert_eq!(stores.invitations.find(InvitationId::new(at(0), &Drawn), ada.hash).await.unwrap(), None);
    assert!(is_gone(stores, RedeemInvitation { hash: eve.hash, ..redemption(&ada) }).await);
    stores.invitations.redeem(redemption(&ada)).await.unwrap();
}

pub(crate) async fn a_taken_address_is_not_invited(stores: &Stores) {
    person(stores, "ada@example.org", at(0)).await;
    let before = written(stores).await;
    let refused = stores.invitations.write(new_invitation("ADA@example.org", Role::Staff)).await;
    assert!(matches!(refused, Err(WriteInvitationError::AddressTaken)));
    assert_eq!(written(stores).await, before);
}

/// A5: of any state, so that the first one's link is given out at the beginning only.
pub(crate) async fn writing_tells_whether_there_is_a_superuser(stores: &Stores) {
    person_as(stores, "staff@example.org", Role::Staff).await;
    let write = |address| stores.invitations.write(new_invitation(address, Role::Superuser));
    assert_eq!(write("one@example.org").await.unwrap(), Superusers::None);
    let two = invited(stores, "two@example.org", Role::Superuser).await;
    assert_eq!(write("three@example.org").await.unwrap(), Superusers::None);
    stores.invitations.redeem(redemption(&two)).await.unwrap();
    assert_eq!(write("four@example.org").await.unwrap(), Superusers::Some);
}

/// A5, C8: the address is verified, nobody chose the password but who redeemed it, and no session came of it.
pub(crate) async fn redeeming_makes_the_account_with_its_address_role_and_password(stores: &Stores) {
    for role in [Role::Authenticated, Role::Staff, Role::Superuser] {
        let address = format!("Ada.{}@Example.org", role.as_str());
        let invitation = invited(stores, &address, role).await;
        let redemption = redemption(&invitation);
        stores.invitations.redeem(redemption.clone()).await.unwrap();
        let found = stores.accounts.find_by_address(&email(&address)).await.unwrap().unwrap();
        assert_eq!(found.id, redemption.account_id);
        assert_eq!(found.name, redemption.name);
        assert_eq!(found.standing, Standing { state: AccountState::Active, role, epoch: 0 });
        let [identifier] = found.identifiers.as_slice() else { panic!("{:?}", found.identifiers) };
        assert_eq!((identifier.id, identifier.address.as_typed()), (redemption.identifier_id, &*address));
        let candidate = stores.sign_ins.find_candidate(&email(&address)).await.unwrap().unwrap();
        assert_eq!(candidate.password.as_phc(), redemption.password.as_phc());
        let sessions = stores.sessions.list(found.id, super::given::everything()).await.unwrap();
        assert!(sessions.items.is_empty());
    }
    assert_eq!(events_of(stores, Act::INVITATION_REDEEMED).await.len(), 3);
    assert_eq!(stores.accounts.list(super::given::everything()).await.unwrap().items.len(), 3);
}

pub(crate) async fn an_invitation_is_redeemed_once(stores: &Stores) {
    let ada = invited(stores, "ada@example.org", Role::Staff).await;
    stores.invitations.redeem(redemption(&ada)).await.unwrap();
    assert!(is_gone(stores, redemption(&ada)).await);
    assert_eq!(stores.invitations.find(ada.id, ada.hash).await.unwrap(), None);
}

/// X7
pub(crate) async fn of_many_redemptions_one_wins(stores: &Stores) {
    let ada = invited(stores, "ada@example.org", Role::Superuser).await;
    let redeeming = (0..MANY).map(|_| {
        let (stores, redemption) = (stores.clone(), redemption(&ada));
        async move { stores.invitations.redeem(redemption).await }
    });
    let outcomes = race(redeeming).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(RedeemRefusal::Gone))), MANY - 1);
    assert_eq!(stores.accounts.list(super::given::everything()).await.unwrap().items.len(), 1);
    assert_eq!(events_of(stores, Act::INVITATION_REDEEMED).await.len(), 1);
}

/// X7
pub(crate) async fn of_many_invitations_of_one_address_one_is_redeemed(stores: &Stores) {
    let mut redemptions = Vec::new();
    for _ in 0..MANY {
        redemptions.push(redemption(&invited(stores, "ada@example.org", Role::Staff).await));
    }
    let redeeming = redemptions.into_iter().map(|redemption| {
        let stores = stores.clone();
        async move { stores.invitations.redeem(redemption).await }
    });
    let outcomes = race(redeeming).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(RedeemRefusal::Gone))), MANY - 1);
    assert_eq!(stores.accounts.list(super::given::everything()).await.unwrap().items.len(), 1);
}

pub(crate) async fn an_invitation_ends_at_its_very_end(stores: &Stores) {
    let ada = invited(stores, "ada@example.org", Role::Staff).await;
    let end = ada.invitation.expires_at;
    assert!(is_gone(stores, RedeemInvitation { now: end, ..redemption(&ada) }).await);
    assert!(stores.invitations.find(ada.id, ada.hash).await.unwrap().is_some(), "the use case judges it too");
    stores.invitations.redeem(RedeemInvitation { now: end - MICROSECOND, ..redemption(&ada) }).await.unwrap();
}

/// S1, A5: whoever proved the address decides what becomes of it.
pub(crate) async fn redeeming_ends_the_sign_ups_and_invitations_of_the_address(stores: &Stores) {
    let sign_up = new_sign_up("ada@example.org", at(0));
    stores.sign_ups.begin(sign_up.clone()).await.unwrap();
    let others = new_sign_up("eve@example.org", at(0));
    stores.sign_ups.begin(others.clone()).await.unwrap();
    let one = invited(stores, "ada@example.org", Role::Staff).await;
    let two = invited(stores, "ADA@example.org", Role::Superuser).await;
    let eve = invited(stores, "eve@example.org", Role::Staff).await;
    assert!(is_gone(stores, redemption(&one)).await, "replaced");
    stores.invitations.redeem(redemption(&two)).await.unwrap();
    assert!(stores.sign_ups.find(sign_up.id).await.unwrap().is_none());
    let refused = stores.sign_ups.complete(completion(&sign_up, at(11))).await;
    assert!(matches!(refused, Err(CompleteSignUpError::Gone)), "{refused:?}");
    assert!(is_gone(stores, redemption(&two)).await);
    assert_eq!(stores.invitations.find(two.id, two.hash).await.unwrap(), None);
    assert!(stores.sign_ups.find(others.id).await.unwrap().is_some());
    stores.invitations.redeem(redemption(&eve)).await.unwrap();
}

pub(crate) async fn a_sign_up_that_was_verified_first_ends_the_invitation(stores: &Stores) {
    let ada = invited(stores, "ada@example.org", Role::Superuser).await;
    let id = person(stores, "ada@example.org", at(1)).await.id;
    assert!(is_gone(stores, redemption(&ada)).await);
    let role = stores.accounts.find(id).await.unwrap().unwrap().standing.role;
    assert_eq!(role, Role::Authenticated);
}

/// X7: an address makes one account, whichever way.
pub(crate) async fn of_a_sign_up_and_an_invitation_at_once_one_wins(stores: &Stores) {
    for number in 0..10 {
        let address = format!("ada{number}@example.org");
        let sign_up = new_sign_up(&address, at(0));
        stores.sign_ups.begin(sign_up.clone()).await.unwrap();
        let invitation = invited(stores, &address, Role::Staff).await;
        let outcomes = race((0..2).map(|contender| {
            let (stores, sign_up, invitation) = (stores.clone(), sign_up.clone(), invitation.clone());
            async move {
                if contender == 0 {
                    stores.sign_ups.complete(completion(&sign_up, at(10))).await.is_ok()
                } else {
                    stores.invitations.redeem(redemption(&invitation)).await.is_ok()
                }
            }
        }));
        assert_eq!(count(&outcomes.await, |won| *won), 1, "{address}");
    }
}

/// C26: whoever is locked, or has lost the role for it, leaves no door open.
pub(crate) async fn an_invitation_falls_with_its_writer(stores: &Stores) {
    person_as(stores, "root@example.org", Role::Superuser).await;
    let inviter = person_as(stores, "inviter@example.org", Role::Superuser).await;
    let write = async |address: &str, role| {
        let mut new = new_invitation(address, role);
        new.invitation.invited_by = Some(inviter);
        stores.invitations.write(new.clone()).await.unwrap();
        new
    };
    let administer = async |change| {
        let effects = Effects::default();
        let command = AdministerAccount {
            account: inviter,
            by: Administrator::Operator,
            change,
            failures: Vec::new(),
            effects,
        };
        assert_eq!(stores.accounts.administer(command).await.unwrap(), Administered::Done);
    };
    let superuser = write("one@example.org", Role::Superuser).await;
    let plain = write("two@example.org", Role::Authenticated).await;
    administer(AccountChange::ChangeRole(Role::Staff)).await;
    assert!(is_gone(stores, redemption(&superuser)).await, "staff may not invite superusers");
    administer(AccountChange::Lock).await;
    assert!(is_gone(stores, redemption(&plain)).await);
    administer(AccountChange::Unlock).await;
    assert!(is_gone(stores, redemption(&plain)).await, "what was written before the lock does not come back");
    assert_eq!(stores.invitations.find(plain.id, plain.hash).await.unwrap(), None);
    administer(AccountChange::ChangeRole(Role::Superuser)).await;
    assert!(is_gone(stores, redemption(&superuser)).await);
    let newer = write("four@example.org", Role::Superuser).await;
    stores.invitations.redeem(redemption(&newer)).await.unwrap();
    let mut orphan = new_invitation("three@example.org", Role::Authenticated);
    orphan.invitation.invited_by = Some(AccountId::new(at(0), &Drawn));
    stores.invitations.write(orphan.clone()).await.unwrap();
    assert!(is_gone(stores, redemption(&orphan)).await, "its writer is gone");
}

/// S14: whoever proved the address did not make them.
pub(crate) async fn redeeming_forgets_the_failures(stores: &Stores) {
    let limits = ThrottleLimits { lock_after: 1, lock_for: Duration::from_secs(3_600) };
    let ada = invited(stores, "ada@example.org", Role::Staff).await;
    let redemption = redemption(&ada);
    stores.sign_ins.reserve_attempt(redemption.throttle, limits, at(0)).await.unwrap().unwrap();
    stores.invitations.redeem(redemption.clone()).await.unwrap();
    assert!(stores.sign_ins.reserve_attempt(redemption.throttle, limits, at(1)).await.unwrap().is_ok());
}
