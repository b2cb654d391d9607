//! An upgrade without a pause: the version before and this one on one PostgreSQL database, through a migration and under
//! load (G6).

use super::load::{Load, WITHOUT_GRACE};
use crate::support::{Binary, Home, Host as _, command_of, command_of_program, previous_program, program};

const ADA: &str = "ada@example.org";

/// G6: whoever was served before the migration is served during and after it, at whichever version; and the version
/// before can be gone back to.
#[tokio::test(flavor = "multi_thread")]
async fn two_versions_run_side_by_side_through_a_migration() {
    let (home, before) = (Home::unmigrated().await, previous_program());
    assert!(command_of_program(&before, &home, &["migrate", "up"], "").status.success());
    let mut old = Binary::of_program(&before, &home, &[], &[WITHOUT_GRACE]);
    let ada = old.user(ADA).sign_up().await;
    let refused = command_of(&home, &["account", "list"], "");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("symbolon migrate up"), "{said}");

    let mut at_old = Load::begin(&old, 0).await;
    let mut at_new = None;
    let upgrade = Box::pin(async {
        let begun = old.user(ADA).begin_sign_in().await;
        let migrated = command_of(&home, &["migrate", "up"], "");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        assert!(ada.is_active().await, "the version before goes on");
        let new = Binary::of(&home, &[], &[WITHOUT_GRACE]);
        let mut load = Load::begin(&new, 1).await;
        // Begun before the migration at one version, and ended after it at the other.
        let session = begun.at(&new).verify(&old.code_to(ADA).await).await;
        let successor = session.at(&old).refresh().await;
        let newest = successor.at(&new).refresh().await;
        assert!(newest.at(&old).is_active().await);
        let both = async {
            for turn in 0..20 {
                let (here, there) = if turn % 2 == 0 { (&old, &new) } else { (&new, &old) };
                let address = format!("both-{turn}@example.org");
                let begun = here.user(&address).begin_sign_up().await;
                begun.at(there).verify(&here.code_to(&address).await).await;
            }
        };
        assert!(load.until(&new.url, both).await > 0);
        newest.call("DELETE", "/v1/sessions/current").send().await.expect(204);
        assert!(!newest.at(&new).is_active().await);
        at_new = Some((new, load));
    });
    assert!(at_old.until(&old.url.clone(), upgrade).await > 0);
    let (new, load) = at_new.unwrap();
    load.check(&home, &old).await;
    at_old.check(&home, &new).await;

    let ada = ada.at(&new);
    assert!(old.terminate().success());
    assert!(ada.is_active().await);
    assert_ne!(before, program());
    let old = Binary::of_program(&before, &home, &[], &[WITHOUT_GRACE]);
    assert!(ada.at(&old).refresh().await.at(&new).is_active().await, "the way back is open");
}
