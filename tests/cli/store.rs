//! What lies on the disk: modes, sealed secrets, and a damaged store (C64, M1, X12).

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Binary, Host as _, PASSWORD, command, directory, mail_to, program};

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

/// X12: a log that nobody can write to does not end the service.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let directory = directory();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut service = Command::new(program())
        .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
        .current_dir(directory.path())
        .env("SYMBOLON_MANAGEMENT__LISTEN", "127.0.0.1:0")
        .stderr(Stdio::from(full))
        .spawn()
        .unwrap();
    let answer = (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        let request = b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Some(answer)
    });
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
}
