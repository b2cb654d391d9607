//! What lies on the disk: modes, sealed secrets, and a damaged store (C64, M1, X12).

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::support::{Binary, Host as _, PASSWORD, command, directory, mail_to};

const ADA: &str = "ada@example.org";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// C12, C23, C64, M1: no password, code, token, binding or private key stands in the store in the clear, and its
/// files are their owner's alone.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_stands_in_the_store_in_the_clear() {
    let directory = directory();
    let data = directory.path().join("data");
    let mut binary = Binary::start(directory.path(), &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let pending = binary.user(ADA).begin_sign_in().await;
    let code = binary.code_to(ADA).await;
    let secrets = [
        PASSWORD.to_owned(),
        ada.token.clone(),
        ada.refresh_token.clone(),
        ada.binding.clone(),
        ada.refresh_token[29..72].to_owned(),
        pending.token.clone(),
        pending.binding.clone(),
    ];
    assert!(binary.terminate().success());

    let mut stored = fs::read(data.join("symbolon.db")).unwrap();
    stored.extend(fs::read(data.join("symbolon.db-wal")).unwrap_or_default());
    let holds = |secret: &str| stored.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(ADA), "the test looks at the right bytes");
    for secret in &secrets {
        assert!(!holds(secret), "a secret of {} characters", secret.len());
    }
    assert!(!holds("\"to\"") && !holds("PRIVATE KEY"));
    let coded = stored.windows(code.len()).filter(|window| *window == code.as_bytes()).count();
    assert_eq!(coded, 0, "a code in the clear");

    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("symbolon.db")), 0o600);
    assert_eq!(mode(&data.join("mail")), 0o700);
    let mail = mail_to(directory.path(), ADA);
    assert_eq!(mail.len(), 2);
    for (name, _) in mail {
        assert_eq!(mode(&data.join("mail").join(name)), 0o600);
    }
}

/// X12: a store that is damaged, or none at all, stops the start and is left as it is.
#[test]
fn a_damaged_store_is_refused_and_left_alone() {
    let directory = directory();
    drop(Binary::start(directory.path(), &[], &[]));
    let path = directory.path().join("data/symbolon.db");
    for name in ["symbolon.db-wal", "symbolon.db-shm"] {
        drop(fs::remove_file(directory.path().join("data").join(name)));
    }
    for content in [b"this is no database, and long enough to be taken for one".to_vec(), vec![0; 8_192]] {
        fs::write(&path, &content).unwrap();
        let output = command(directory.path(), &["serve"], &[("SYMBOLON_HTTP__LISTEN", "127.0.0.1:0")], "");
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("store.url"));
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}
