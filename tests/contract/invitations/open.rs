//! The invitations that are open: one of an address, listed, replaced, withdrawn.

use symbolon_domain::{
    accounts::{AccountChange, AdministerAccount, Administered, Administrator},
    actor::Role,
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    id::InvitationId,
    invitations::{NewInvitation, PendingInvitation, WithdrawInvitation, Withdrawn, WriteInvitationError},
    page::PageRequest,
};

use super::{invited, is_gone, new_invitation, redemption};
use crate::contract::{
    Stores,
    accounts::person_as,
    given::{DAY, Drawn, MANY, MICROSECOND, at, count, event, everything, race, written},
};

fn withdrawal(of: &NewInvitation, by: Administrator) -> WithdrawInvitation {
    let effects = Effects::event(event(Act::INVITATION_WITHDRAWN, at(10)));
    WithdrawInvitation { id: of.id, by, effects }
}

async fn open_at(stores: &Stores, now: Timestamp) -> Vec<InvitationId> {
    let page = stores.invitations.list(everything(), now).await.unwrap();
    page.items.into_iter().map(|pending| pending.id).collect()
}

/// A5: an address has one invitation, the newest.
pub(crate) async fn a_second_invitation_replaces_the_first(stores: &Stores) {
    let first = invited(stores, "ada@example.org", Role::Staff).await;
    let second = invited(stores, "ADA@example.org", Role::Authenticated).await;
    assert_eq!(open_at(stores, at(0)).await, [second.id]);
    assert_eq!(stores.invitations.find(first.id, first.hash).await.unwrap(), None);
    assert!(is_gone(stores, redemption(&first)).await);
    let third = invited(stores, "ada@example.org", Role::Staff).await;
    stores.invitations.redeem(redemption(&third)).await.unwrap();
    assert!(is_gone(stores, redemption(&second)).await);
    assert!(open_at(stores, at(0)).await.is_empty());
}

/// X7
pub(crate) async fn of_many_invitations_at_once_one_is_left(stores: &Stores) {
    let inviting = (0..MANY).map(|_| {
        let (stores, new) = (stores.clone(), new_invitation("ada@example.org", Role::Staff));
        async move { stores.invitations.write(new.clone()).await.map(|_| new) }
    });
    let written: Vec<_> = race(inviting).await.into_iter().map(Result::unwrap).collect();
    let open = open_at(stores, at(0)).await;
    assert_eq!(open.len(), 1);
    let mut redeemed = 0;
    for new in &written {
        let outcome = stores.invitations.redeem(redemption(new)).await;
        assert_eq!(outcome.is_ok(), open == [new.id]);
        redeemed += usize::from(outcome.is_ok());
    }
    assert_eq!(redeemed, 1);
}

/// A5, P2: nobody replaces what they may not withdraw, until it has expired.
pub(crate) async fn an_invitation_to_a_higher_role_is_not_replaced(stores: &Stores) {
    let staff = person_as(stores, "staff@example.org", Role::Staff).await;
    let first = invited(stores, "ada@example.org", Role::Superuser).await;
    let mut second = new_invitation("ada@example.org", Role::Authenticated);
    (second.by, second.invitation.invited_by) = (Administrator::Staff(staff), Some(staff));
    let end = first.invitation.expires_at;
    second.created_at = end - MICROSECOND;
    let before = written(stores).await;
    let refused = stores.invitations.write(second.clone()).await;
    assert!(matches!(refused, Err(WriteInvitationError::InsufficientRole)), "{refused:?}");
    assert_eq!((written(stores).await, open_at(stores, at(0)).await), (before, vec![first.id]));
    second.created_at = end;
    second.invitation.expires_at = end + DAY;
    stores.invitations.write(second.clone()).await.unwrap();
    assert_eq!(open_at(stores, end).await, [second.id]);
}

pub(crate) async fn invitations_that_count_are_listed_newest_first(stores: &Stores) {
    let inviter = person_as(stores, "root@example.org", Role::Superuser).await;
    person_as(stores, "other@example.org", Role::Superuser).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let mut new = new_invitation(&format!("ada{number}@example.org"), Role::Staff);
        new.id = InvitationId::new(at(number), &Drawn);
        new.invitation.invited_by = (number == 3).then_some(inviter);
        stores.invitations.write(new.clone()).await.unwrap();
        ids.insert(0, new.id);
        if number == 4 {
            let listed = stores.invitations.list(PageRequest::new(1, None), at(0)).await.unwrap();
            let (id, invitation, created_at) = (new.id, new.invitation.clone(), new.created_at);
            assert_eq!(listed.items, [PendingInvitation { id, invitation, created_at }]);
        }
    }
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = stores.invitations.list(PageRequest::new(2, after), at(0)).await.unwrap();
        paged.extend(page.items.iter().map(|pending| pending.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, ids);
    let end = at(0) + DAY;
    assert_eq!(open_at(stores, end - MICROSECOND).await, ids);
    assert!(open_at(stores, end).await.is_empty());
    let command = AdministerAccount {
        account: inviter,
        by: Administrator::Operator,
        change: AccountChange::Lock,
        failures: Vec::new(),
        effects: Effects::default(),
    };
    assert_eq!(stores.accounts.administer(command).await.unwrap(), Administered::Done);
    let fallen = ids.remove(1);
    assert_eq!(open_at(stores, at(0)).await, ids, "{fallen:?} has fallen with its writer");
}

/// A5, P2: by whoever may invite to its role, once.
pub(crate) async fn a_withdrawn_invitation_is_over(stores: &Stores) {
    let staff = Administrator::Staff(person_as(stores, "staff@example.org", Role::Staff).await);
    let ada = invited(stores, "ada@example.org", Role::Staff).await;
    let eve = invited(stores, "eve@example.org", Role::Authenticated).await;
    let before = written(stores).await;
    let withdraw = |of, by| stores.invitations.withdraw(withdrawal(of, by));
    assert_eq!(withdraw(&ada, staff).await.unwrap(), Withdrawn::InsufficientRole);
    assert_eq!(written(stores).await, before);
    assert_eq!(withdraw(&eve, staff).await.unwrap(), Withdrawn::Done);
    assert_eq!(withdraw(&ada, Administrator::Operator).await.unwrap(), Withdrawn::Done);
    assert_eq!(written(stores).await, (before.0 + 2, before.1));
    for of in [&ada, &eve] {
        assert_eq!(withdraw(of, Administrator::Operator).await.unwrap(), Withdrawn::NotFound);
        assert!(is_gone(stores, redemption(of)).await);
        assert_eq!(stores.invitations.find(of.id, of.hash).await.unwrap(), None);
    }
    assert!(open_at(stores, at(0)).await.is_empty());
    assert_eq!(written(stores).await, (before.0 + 2, before.1));
    let again = invited(stores, "ada@example.org", Role::Staff).await;
    stores.invitations.redeem(redemption(&again)).await.unwrap();
    assert_eq!(withdraw(&again, Administrator::Operator).await.unwrap(), Withdrawn::NotFound);
}

/// X7
pub(crate) async fn of_a_redemption_and_a_withdrawal_one_wins(stores: &Stores) {
    for number in 0..5 {
        let invitation = invited(stores, &format!("ada{number}@example.org"), Role::Staff).await;
        let outcomes = race((0..10).map(|contender| {
            let (stores, invitation) = (stores.clone(), invitation.clone());
            async move {
                if contender % 2 == 0 {
                    let by = Administrator::Operator;
                    stores.invitations.withdraw(withdrawal(&invitation, by)).await.unwrap() == Withdrawn::Done
                } else {
                    stores.invitations.redeem(redemption(&invitation)).await.is_ok()
                }
            }
        }));
        assert_eq!(count(&outcomes.await, |won| *won), 1);
    }
}
