//! The disk is full under the embedded store (X12): a file system of a few megabytes that the test mounts. Only root can:
//! where nobody may, `cargo xtask test` leaves this out and says so, and `backends::sqlite::full_disk` shows the same with a
//! database that may not grow.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;

use super::turn;
use crate::support::{Binary, directory};

/// A file system in memory, which is gone with this.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output().unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self(at.to_owned())
    }

    /// Takes what is left of its room.
    fn fill(&self) {
        let mut size = 4_096_000;
        let mut number = 0;
        while size >= 512 {
            number += 1;
            let path = self.0.join(format!("ballast-{number}"));
            if fs::write(&path, vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives it back.
    fn clear(&self) {
        for entry in fs::read_dir(&self.0).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("ballast") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).output());
    }
}

/// X12: writes are 503, reads go on, and when there is room again so do writes, without a restart; nothing that was
/// acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_outlived() {
    let directory = directory();
    let data = directory.path().join("data");
    let disk = Disk::mount(&data, "size=8m,mode=0700");
    let mut binary = Binary::start(directory.path(), &[], &[]);
    let mut people = Vec::new();
    for turn in 0..turn::of(2, 30) {
        let address = format!("person-{turn}@example.org");
        let session = binary.user(&address).sign_up().await;
        people.push(address);
        disk.fill();
        // What is in the log already may take a few writes more.
        let mut refused = None;
        for attempt in 0..400 {
            let body = json!({"name": format!("{attempt} {}", "x".repeat(200))});
            let answer = session.call("PATCH", "/v1/account").json(&body).send().await;
            assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
            if answer.status == 503 {
                refused = Some(answer);
                break;
            }
        }
        let refused = refused.expect("a disk that is full");
        assert!(!refused.header("retry-after").is_empty());
        session.call("GET", "/v1/account").send().await.expect(200);
        assert!(session.is_active().await, "reads go on");

        disk.clear();
        let mut again = 503;
        for _ in 0..100 {
            let body = json!({"name": "Ada"});
            again = session.call("PATCH", "/v1/account").json(&body).send().await.status;
            if again == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(again, 200, "writes go on when there is room");
        assert_eq!(session.call("GET", "/v1/account").send().await.text("name"), "Ada");
        assert!(session.refresh().await.is_active().await);
    }
    assert!(binary.terminate().success());
    let binary = Binary::start(directory.path(), &[], &[]);
    for address in people {
        binary.user(&address).try_sign_in().await.expect(200);
    }
}
