//! The suite of `LicenseStore`.

use std::num::NonZeroU32;

use symbolon_domain::{
    audit::Act,
    clock::Timestamp,
    id::{AccountId, LicenseId},
    licenses::{License, LicenseState, LicenseSubject, Product},
    page::PageRequest,
};

use super::{
    Stores,
    given::{Drawn, MANY, MICROSECOND, at, effects, email, events_of, everything, race},
};

pub(crate) fn product(name: &str) -> Product {
    name.parse().unwrap()
}

/// Whoever has this address.
pub(crate) fn whoever_has(address: &str) -> LicenseSubject {
    LicenseSubject::Email(email(address))
}

/// A licence with everything that one may have, granted at the beginning.
pub(crate) fn new_license(subject: LicenseSubject, expires_at: Timestamp) -> License {
    License {
        id: LicenseId::new(at(0), &Drawn),
        subject,
        product: product("editor"),
        issued_at: at(0),
        expires_at,
        seats: NonZeroU32::new(3),
        entitlements: vec!["export".to_owned(), "sync".to_owned()].try_into().unwrap(),
        revoked_at: None,
    }
}

/// One that is written.
pub(crate) async fn granted(stores: &Stores, license: License) -> License {
    stores.licenses.grant(license.clone(), effects(Act::LICENSE_GRANTED, at(0))).await.unwrap();
    license
}

pub(crate) async fn revoke(stores: &Stores, id: LicenseId, now: Timestamp) -> bool {
    stores.licenses.revoke(id, effects(Act::LICENSE_REVOKED, now), now).await.unwrap()
}

async fn held(stores: &Stores, subjects: &[LicenseSubject], now: Timestamp) -> Vec<License> {
    stores.licenses.held(subjects, None, now, 100).await.unwrap()
}

async fn listed(stores: &Stores, subject: Option<&LicenseSubject>) -> Vec<License> {
    stores.licenses.list(subject, everything()).await.unwrap().items
}

/// L1: with and without what may be left out, an address as it was typed.
pub(crate) async fn a_license_is_found_as_it_was_granted(stores: &Stores) {
    let ada = LicenseSubject::Account(AccountId::new(at(0), &Drawn));
    let full = granted(stores, new_license(ada.clone(), at(60))).await;
    let address = whoever_has("Ada@Example.org");
    let plain =
        License { seats: None, entitlements: Vec::new().try_into().unwrap(), ..new_license(address, at(60)) };
    granted(stores, plain.clone()).await;
    assert_eq!(listed(stores, None).await.len(), 2);
    assert_eq!(held(stores, &[ada], at(0)).await, [full]);
    let found = held(stores, &[whoever_has("ada@example.org")], at(0)).await;
    assert_eq!(found, [plain]);
    assert_eq!(found.first().unwrap().subject.to_string(), "Ada@Example.org");
    assert_eq!(events_of(stores, Act::LICENSE_GRANTED).await.len(), 2);
}

/// L2: the one that ends last, over all of them, of every subject, however many.
pub(crate) async fn the_best_license_ends_last(stores: &Stores) {
    let (ada, eve) = (whoever_has("ada@example.org"), whoever_has("eve@example.org"));
    let mut ends: Vec<u64> = (1..=130).collect();
    ends.sort_by_key(|end| end % 7);
    for end in ends {
        let subject = if end % 2 == 0 { &ada } else { &eve };
        granted(stores, new_license(subject.clone(), at(end))).await;
    }
    let ends = async |subjects: &[LicenseSubject], now, most| -> Vec<Timestamp> {
        let found = stores.licenses.held(subjects, None, now, most).await.unwrap();
        found.into_iter().map(|license| license.expires_at).collect()
    };
    assert_eq!(ends(&[ada.clone(), eve.clone()], at(0), 1).await, [at(130)]);
    assert_eq!(ends(std::slice::from_ref(&eve), at(0), 2).await, [at(129), at(127)]);
    assert_eq!(ends(&[ada.clone(), eve.clone()], at(127), 9).await, [at(130), at(129), at(128)]);
    assert_eq!(ends(&[ada.clone(), ada.clone()], at(126), 9).await, [at(130), at(128)]);
    assert_eq!(ends(&[ada, eve], at(0), 200).await.len(), 130);
    assert!(ends(&[], at(0), 9).await.is_empty());
}

/// L2: not at its end, not once it is revoked, and only of the product that is asked for.
pub(crate) async fn what_does_not_count_is_not_held(stores: &Stores) {
    let ada = [whoever_has("ada@example.org")];
    let license = granted(stores, new_license(ada[0].clone(), at(60))).await;
    let other = License { product: product("viewer"), ..new_license(ada[0].clone(), at(90)) };
    granted(stores, other.clone()).await;
    let editor = async |now| {
        let editor = product("editor");
        stores.licenses.held(&ada, Some(&editor), now, 9).await.unwrap()
    };
    assert_eq!(held(stores, &ada, at(0)).await, [other.clone(), license.clone()]);
    assert_eq!(editor(at(60) - MICROSECOND).await, std::slice::from_ref(&license));
    assert_eq!(editor(at(60)).await, []);
    assert!(revoke(stores, license.id, at(10)).await);
    assert_eq!(editor(at(0)).await, []);
    assert_eq!(held(stores, &ada, at(0)).await, [other]);
    assert_eq!(held(stores, &[whoever_has("adam@example.org")], at(0)).await, []);
}

/// L3: the first end stays, and nothing is written about what is not there.
pub(crate) async fn a_license_is_revoked_and_stays_so(stores: &Stores) {
    let license = granted(stores, new_license(whoever_has("ada@example.org"), at(60))).await;
    assert!(revoke(stores, license.id, at(10)).await);
    assert!(revoke(stores, license.id, at(20)).await);
    let found = listed(stores, None).await.remove(0);
    assert_eq!((found.revoked_at, found.state(at(0))), (Some(at(10)), LicenseState::Revoked));
    assert_eq!(events_of(stores, Act::LICENSE_REVOKED).await.len(), 2);
    assert!(!revoke(stores, LicenseId::new(at(0), &Drawn), at(10)).await);
    assert_eq!(events_of(stores, Act::LICENSE_REVOKED).await.len(), 2);
}

pub(crate) async fn of_many_revocations_of_a_license_the_first_stays(stores: &Stores) {
    let license = granted(stores, new_license(whoever_has("ada@example.org"), at(60))).await;
    let revoking = (0..MANY).map(|second| {
        let (stores, now) = (stores.clone(), at(u64::try_from(second).unwrap()));
        async move { revoke(&stores, license.id, now).await }
    });
    assert!(race(revoking).await.into_iter().all(|found| found));
    assert_eq!(events_of(stores, Act::LICENSE_REVOKED).await.len(), MANY);
    assert!(listed(stores, None).await.remove(0).revoked_at.is_some());
}

/// L3: of everybody and of one, whatever has become of them.
pub(crate) async fn licenses_are_listed_newest_first_page_by_page(stores: &Stores) {
    let (ada, eve) = (whoever_has("ada@example.org"), whoever_has("eve@example.org"));
    let mut all = Vec::new();
    for second in 0..7 {
        let subject = if second % 3 == 0 { &eve } else { &ada };
        let id = LicenseId::new(at(second), &Drawn);
        let license = License { id, issued_at: at(second), ..new_license(subject.clone(), at(5)) };
        all.push(granted(stores, license).await);
    }
    all.reverse();
    for (subject, expected) in [
        (None, all.clone()),
        (Some(&ada), all.iter().filter(|license| license.subject == ada).cloned().collect()),
    ] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = stores.licenses.list(subject, PageRequest::new(2, after)).await.unwrap();
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }
    let unknown = whoever_has("adam@example.org");
    assert_eq!(listed(stores, Some(&unknown)).await, []);
}
