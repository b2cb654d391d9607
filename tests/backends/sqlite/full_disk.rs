//! A database that may not grow (X12).

use symbolon_adapters::sqlite::OpenOptions;
use symbolon_domain::{audit::Act, store_error::StoreError};

use super::{Beside, fresh_with};
use crate::contract::given::{at, count, event, events, everything, person, race};

/// X12, X7: writes are unavailable, and nothing of them is left; reads go on; when there is room again, so do writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let fresh = fresh_with(&OpenOptions { max_pages: Some(60), ..OpenOptions::create() });
    let stores = &fresh.stores;
    let ada = person(stores, "ada@example.org", at(0)).await;
    let mut acknowledged = u32::try_from(events(stores).await.len()).unwrap();
    loop {
        let batch = (0..20).map(|_| event(Act::CODE_SENT, at(1))).collect();
        match stores.audit.append(batch).await {
            Ok(()) => acknowledged += 20,
            Err(StoreError::Unavailable(source)) => {
                assert!(source.to_string().contains("full"), "{source}");
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    // Reads go on, and see everything that was acknowledged and nothing else.
    assert!(stores.accounts.find(ada.id).await.unwrap().is_some());
    let beside = Beside(fresh.path.clone()).open();
    let kept =
        || beside.query_row("SELECT COUNT(*) FROM audit_events", (), |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(kept(), acknowledged);

    // However many come at once, each is told, and what is told as written is written.
    let writing = (0..16).map(|_| {
        let stores = stores.clone();
        let batch: Vec<_> = (0..40).map(|_| event(Act::CODE_SENT, at(2))).collect();
        async move { stores.audit.append(batch).await }
    });
    let outcomes = race(writing).await;
    let written = count(&outcomes, Result::is_ok);
    let refused = count(&outcomes, |outcome| matches!(outcome, Err(StoreError::Unavailable(_))));
    assert_eq!(written + refused, 16);
    assert!(refused > 0);
    assert_eq!(kept(), acknowledged + 40 * u32::try_from(written).unwrap());

    beside.execute("DELETE FROM audit_events", ()).unwrap();
    person(stores, "eve@example.org", at(3)).await;
    assert_eq!(stores.accounts.list(everything()).await.unwrap().items.len(), 2);
}
