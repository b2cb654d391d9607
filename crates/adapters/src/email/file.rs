//! E-mail as `.eml` files in a directory: for trying the service out and for tests (M5). Any mail program opens them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    outbox::{CarrierError, Email, EmailCarrier},
};
use time::OffsetDateTime;

use super::Sender;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Writes `<time>-<id>.eml` files, private to the service's user, that appear whole or not at all (M1).
#[derive(Debug)]
pub struct FileCarrier {
    directory: PathBuf,
    sender: Sender,
    attempts: AtomicU64,
}

impl FileCarrier {
    /// Writes into this directory, which is made when the first message comes.
    #[must_use]
    pub const fn new(directory: PathBuf, sender: Sender) -> Self {
        Self { directory, sender, attempts: AtomicU64::new(0) }
    }
}

#[async_trait]
impl EmailCarrier for FileCarrier {
    async fn send(&self, email: &Email) -> Result<(), CarrierError> {
        let content = self.sender.compose(email)?.formatted();
        let name = file_name(email);
        // A name that no other attempt uses, in this process or another.
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".{name}.{}-{attempt}", std::process::id()));
        let (directory, target) = (self.directory.clone(), self.directory.join(name));
        let write = move || {
            let written = write(&directory, &temporary, &target, &content);
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written.map_err(|error| CarrierError::Transient(slug(&error).into())),
            Err(_) => Err(CarrierError::Transient("interrupted".into())),
        }
    }
}

/// Sorts by age; the same for every attempt, so that a message carried twice is one file.
fn file_name(email: &Email) -> String {
    format!("{}-{}.eml", basic_time(email.created_at), email.id)
}

/// ISO 8601 in its basic form, in UTC, to the second.
fn basic_time(moment: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(moment.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z", u8::from(month))
}

fn write(directory: &Path, temporary: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(temporary, target)?;
    File::open(directory)?.sync_all()
}

fn slug(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "directory_not_writable",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "directory_in_the_way",
        _ => "write_failed",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::email::mime::testing::{email, sender};

    const NAME: &str = "20260102T030405Z-07070707-0707-0707-0707-070707070707.eml";

    fn names(directory: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(directory).unwrap().map(name).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// M1: the file is private, in a private directory, and nothing else is left there.
    #[tokio::test]
    async fn a_message_is_a_private_file() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("data").join("mail");
        FileCarrier::new(directory.clone(), sender()).send(&email("ada@example.org")).await.unwrap();
        assert_eq!(names(&directory), [NAME]);
        assert_eq!((mode(&directory), mode(&directory.join(NAME))), (0o700, 0o600));
        let written = fs::read(directory.join(NAME)).unwrap();
        assert_eq!(written, sender().compose(&email("ada@example.org")).unwrap().formatted());
    }

    /// M1: a message that two workers carry at once, or one again later, is one file.
    #[tokio::test]
    async fn a_message_carried_twice_is_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let one = FileCarrier::new(directory.path().to_owned(), sender());
        let email = email("ada@example.org");
        let (first, second) = tokio::join!(one.send(&email), one.send(&email));
        first.unwrap();
        second.unwrap();
        one.send(&email).await.unwrap();
        assert_eq!(names(directory.path()), [NAME]);
    }

    /// M3, M6: a directory that cannot be used may be mended; the reason shows no address.
    #[tokio::test]
    async fn a_useless_directory_is_tried_again_later() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("mail");
        fs::write(&directory, "a file is in the way").unwrap();
        let carrier = FileCarrier::new(directory.clone(), sender());
        let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
        assert!(matches!(&error, CarrierError::Transient(slug) if slug == "directory_in_the_way"), "{error}");
        fs::remove_file(&directory).unwrap();
        carrier.send(&email("ada@example.org")).await.unwrap();
        assert_eq!(names(&directory), [NAME]);
    }
}
