//! The suite of `AccountStore`.

use symbolon_domain::{
    accounts::{AccountChange, AccountState, Name, Standing},
    actor::Role,
    audit::Act,
    effects::Effects,
    id::AccountId,
    page::PageRequest,
    sign_up::NewSignUp,
};

use super::{
    Stores,
    given::{self, Drawn, at, completion, email, event, new_sign_up, person, race, written},
    invitations::new_invitation,
};

mod administration;

pub(crate) use self::administration::*;

fn name(text: &str) -> Option<Name> {
    Some(text.parse().unwrap())
}

fn updated() -> Effects {
    Effects::event(event(Act::ACCOUNT_UPDATED, at(9)))
}

/// A1, A3: with its address as it was typed, and the moments of both.
pub(crate) async fn an_account_is_found_as_it_was_made(stores: &Stores) {
    let ada = person(stores, "Ada@Example.org", at(5)).await;
    let found = stores.accounts.find(ada.id).await.unwrap().unwrap();
    assert_eq!(found.id, ada.id);
    assert_eq!(found.name, None);
    assert_eq!(found.standing, Standing { state: AccountState::Active, role: Role::Authenticated, epoch: 0 });
    assert_eq!((found.created_at, found.last_seen_at), (at(5), Some(at(5))));
    let [identifier] = found.identifiers.as_slice() else { panic!("{:?}", found.identifiers) };
    assert_eq!(identifier.address.as_typed(), "Ada@Example.org");
    assert_eq!((identifier.created_at, identifier.last_used_at), (at(5), None));
}

/// A3: compared without regard to case.
pub(crate) async fn an_account_is_found_by_its_address_however_it_is_typed(stores: &Stores) {
    let ada = person(stores, "Ada@Example.org", at(0)).await;
    person(stores, "eve@example.org", at(0)).await;
    let found = stores.accounts.find_by_address(&email("aDA@example.ORG")).await.unwrap();
    assert_eq!(found, stores.accounts.find(ada.id).await.unwrap());
    assert!(found.is_some());
    assert_eq!(stores.accounts.find_by_address(&email("nobody@example.org")).await.unwrap(), None);
}

pub(crate) async fn an_unknown_account_is_not_found(stores: &Stores) {
    person(stores, "ada@example.org", at(0)).await;
    assert_eq!(stores.accounts.find(AccountId::new(at(0), &Drawn)).await.unwrap(), None);
}

/// A1, G2: seen by the next read, with its event.
pub(crate) async fn a_name_is_set_and_taken_away(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    for wanted in [name("Ada Lovelace"), name("Ada, Countess of Lovelace"), None] {
        assert!(stores.accounts.set_name(ada.id, wanted.clone(), updated()).await.unwrap());
        assert_eq!(stores.accounts.find(ada.id).await.unwrap().unwrap().name, wanted);
    }
    assert_eq!(given::events_of(stores, Act::ACCOUNT_UPDATED).await.len(), 3);
    assert!(stores.accounts.set_name(ada.id, name("Ada"), updated()).await.unwrap());
    assert_eq!(stores.accounts.find(eve.id).await.unwrap().unwrap().name, None);
}

/// A1: by an account, an invitation and a sign-up under way that have it since fewer characters were refused.
pub(crate) async fn a_name_that_would_be_refused_now_is_still_read(stores: &Stores) {
    let turned = Name::from_stored("Ada\u{202e}ecal\u{200b}evo\u{e0041}L\u{feff}").unwrap();
    assert!(turned.as_str().parse::<Name>().is_err());
    let ada = person(stores, "ada@example.org", at(0)).await;
    assert!(stores.accounts.set_name(ada.id, Some(turned.clone()), updated()).await.unwrap());
    assert_eq!(stores.accounts.find(ada.id).await.unwrap().unwrap().name.as_ref(), Some(&turned));
    let eves = NewSignUp { name: Some(turned.clone()), ..new_sign_up("eve@example.org", at(0)) };
    stores.sign_ups.begin(eves.clone()).await.unwrap();
    let command = completion(&eves, at(1));
    stores.sign_ups.complete(command.clone()).await.unwrap();
    assert_eq!(stores.accounts.find(command.account_id).await.unwrap().unwrap().name.as_ref(), Some(&turned));
    let mut bobs = new_invitation("bob@example.org", Role::Authenticated);
    bobs.invitation.name = Some(turned.clone());
    stores.invitations.write(bobs.clone()).await.unwrap();
    let found = stores.invitations.find(bobs.id, bobs.hash).await.unwrap().unwrap();
    assert_eq!(found.name, Some(turned));
}

pub(crate) async fn nothing_is_written_about_an_account_that_is_not_there(stores: &Stores) {
    let before = written(stores).await;
    let nobody = AccountId::new(at(0), &Drawn);
    assert!(!stores.accounts.set_name(nobody, name("Nobody"), updated()).await.unwrap());
    assert_eq!(written(stores).await, before);
}

/// P3: those that are there, each once, as they are at this moment; more of them than a batch of any engine holds.
pub(crate) async fn the_standing_of_many_accounts_is_read_at_once(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    person(stores, "kim@example.org", at(0)).await;
    assert_eq!(stores.accounts.standings(&[]).await.unwrap(), []);
    let mut ids: Vec<AccountId> = (0..250).map(|_| AccountId::new(at(0), &Drawn)).collect();
    assert_eq!(stores.accounts.standings(&ids).await.unwrap(), []);
    ids.extend([eve, ada, eve]);
    let standing = Standing { state: AccountState::Active, role: Role::Authenticated, epoch: 0 };
    assert_eq!(
        sorted(stores.accounts.standings(&ids).await.unwrap()),
        sorted(vec![(ada, standing), (eve, standing)])
    );
    administration::administer(stores, eve, AccountChange::Lock).await;
    let locked = Standing { state: AccountState::Locked, epoch: 1, ..standing };
    assert_eq!(
        sorted(stores.accounts.standings(&[eve, ada]).await.unwrap()),
        sorted(vec![(ada, standing), (eve, locked)])
    );
}

fn sorted(mut standings: Vec<(AccountId, Standing)>) -> Vec<(AccountId, Standing)> {
    standings.sort_by_key(|(id, _)| *id);
    standings
}

pub(crate) async fn accounts_are_listed_newest_first_page_by_page(stores: &Stores) {
    let mut expected = Vec::new();
    for number in 0..5 {
        let address = format!("person{number}@example.org");
        expected.insert(0, (person(stores, &address, at(number)).await.id, address));
    }
    let mut listed = Vec::new();
    let mut sizes = Vec::new();
    let mut after = None;
    loop {
        let page = stores.accounts.list(PageRequest::new(2, after)).await.unwrap();
        sizes.push(page.items.len());
        for account in page.items {
            let [identifier] = account.identifiers.as_slice() else { panic!("{account:?}") };
            listed.push((account.id, identifier.address.as_typed().to_owned()));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
    assert_eq!(sizes, [2, 2, 1]);
}

pub(crate) async fn a_page_that_is_just_full_is_the_last(stores: &Stores) {
    for number in 0..2 {
        person(stores, &format!("person{number}@example.org"), at(number)).await;
    }
    let page = stores.accounts.list(PageRequest::new(2, None)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
}

pub(crate) async fn names_set_at_once_are_all_written_and_one_stays(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let setting = (0..16).map(|number| {
        let stores = stores.clone();
        async move { stores.accounts.set_name(ada, name(&format!("Ada {number}")), updated()).await }
    });
    let outcomes = race(setting).await;
    assert_eq!(given::count(&outcomes, |outcome| matches!(outcome, Ok(true))), 16);
    assert_eq!(given::events_of(stores, Act::ACCOUNT_UPDATED).await.len(), 16);
    let name = stores.accounts.find(ada).await.unwrap().unwrap().name.unwrap();
    assert!(name.as_str().starts_with("Ada "), "{name:?}");
}
