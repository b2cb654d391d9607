//! A master key and where it is read from: a private file, or the text of an environment variable (G10, X13). Reading
//! the environment itself is left to the settings.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use symbolon_domain::entropy::{Entropy, random_bytes};
use zeroize::Zeroizing;

const KEY_LENGTH: usize = 32;
/// More than a key and its line ending can take.
const LONGEST_FILE: u64 = 256;
const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// A key of 256 bits that seals secrets at rest. As a text it is standard base64 on one line.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_LENGTH]>);

/// Why there is no master key. No text shows what a file or variable holds.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file is not there.
    #[error("secrets.master_keys: there is no file {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others than its owner may read or change the file.
    #[error(
        "secrets.master_keys: {} is open to others than its owner (mode {mode:04o}); close it with: chmod 600 {}",
        path.display(),
        path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read.
    #[error("secrets.master_keys: {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was found is no key.
    #[error("secrets.master_keys: {origin} does not hold 32 bytes in base64 on one line")]
    Malformed {
        /// The file or variable.
        origin: String,
    },
    /// There is one already, and it stays as it is.
    #[error("secrets.master_keys: {} is there already, and is never written over: choose another name", .0.display())]
    AlreadyThere(PathBuf),
    /// The file cannot be made.
    #[error("secrets.master_keys: {} cannot be made", path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MasterKey {
    /// A new key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(random_bytes(entropy)))
    }

    /// Reads a key from its text; `origin` says in an error where that came from, as in `the variable KEY`.
    ///
    /// # Errors
    /// The text is not one line of 32 bytes in base64.
    pub fn parse(text: &str, origin: &str) -> Result<Self, MasterKeyError> {
        // A little longer than a key: the decoder wants room for a whole last group.
        let mut decoded = Zeroizing::new([0; KEY_LENGTH + 3]);
        let length = STANDARD.decode_slice(text.trim(), &mut *decoded).ok();
        match decoded.first_chunk() {
            Some(key) if length == Some(KEY_LENGTH) => Ok(Self(Zeroizing::new(*key))),
            _ => Err(MasterKeyError::Malformed { origin: origin.to_owned() }),
        }
    }

    /// Reads a key from a file that nobody but its owner can read.
    ///
    /// # Errors
    /// The file is missing, open to others, unreadable, or holds no key.
    pub fn read_file(path: &Path) -> Result<Self, MasterKeyError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MasterKeyError::Missing { path: path.to_owned() },
            _ => unreadable(path, source),
        })?;
        // Asked of the open file, so that it cannot be another one by the time it is read.
        let mode = file.metadata().map_err(|source| unreadable(path, source))?.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(MasterKeyError::OpenToOthers { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST_FILE).unwrap_or(0)));
        match file.take(LONGEST_FILE).read_to_string(&mut text) {
            Ok(_) => Self::parse(&text, &path.display().to_string()),
            Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                Err(MasterKeyError::Malformed { origin: path.display().to_string() })
            }
            Err(source) => Err(unreadable(path, source)),
        }
    }

    /// Makes a new key and its file, which must not be there yet: mode 0600, whole from the moment it appears, on the
    /// disk when this returns. Of several who make the same file at once exactly one does.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn create_file(path: &Path, entropy: &dyn Entropy) -> Result<Self, MasterKeyError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => MasterKeyError::AlreadyThere(path.to_owned()),
            _ => MasterKeyError::NotMade { path: path.to_owned(), source },
        };
        let key = Self::generate(entropy);
        let temporary = temporary_name(path, entropy);
        let made = key.write_to(&temporary).and_then(|()| {
            // Unlike a rename, a link never takes the place of a file that is there.
            fs::hard_link(&temporary, path)
        });
        // Gone already when it could not be made; if it cannot be removed, it is as private as the other.
        let _ = fs::remove_file(&temporary);
        made.and_then(|()| sync_directory(path)).map_err(failed)?;
        Ok(key)
    }

    pub(super) fn as_bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
        let mut line = Zeroizing::new(String::with_capacity(2 * KEY_LENGTH));
        STANDARD.encode_string(*self.0, &mut line);
        line.push('\n');
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(redacted)")
    }
}

/// A hidden name beside `path` that nobody else uses.
fn temporary_name(path: &Path, entropy: &dyn Entropy) -> PathBuf {
    let random = u64::from_be_bytes(random_bytes(entropy));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{random:016x}"))
}

/// A new name is on the disk when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn unreadable(path: &Path, source: io::Error) -> MasterKeyError {
    MasterKeyError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;
    use crate::system::SystemEntropy;

    fn write(path: &Path, content: &[u8], mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// G10: the file is made once, private, and holds the key.
    #[test]
    fn a_made_file_is_private_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let made = MasterKey::create_file(&path, &SystemEntropy::new()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(MasterKey::read_file(&path).unwrap().as_bytes(), made.as_bytes());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), text.lines().count()), (45, 1));
        assert_eq!(MasterKey::parse(text.trim(), "KEY").unwrap().as_bytes(), made.as_bytes());
    }

    /// G10: a key that is there is never written over.
    #[test]
    fn a_file_that_is_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        write(&path, b"something", 0o600);
        let error = MasterKey::create_file(&path, &SystemEntropy::new()).unwrap_err();
        assert!(matches!(&error, MasterKeyError::AlreadyThere(there) if *there == path));
        assert_eq!(fs::read(&path).unwrap(), b"something");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// G10: of 16 who make the key at once one does, and the others read that one whole.
    #[test]
    fn one_of_many_makes_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let start = std::sync::Barrier::new(16);
        let make = || {
            start.wait();
            let made = MasterKey::create_file(&path, &SystemEntropy::new()).is_ok();
            (made, *MasterKey::read_file(&path).unwrap().as_bytes())
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|(made, _)| *made).count(), 1);
        assert!(results.iter().all(|(_, key)| *key == results[0].1));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// X13: a file that others may read stops the start, with the setting, the path and the remedy, not the content.
    #[test]
    fn a_file_open_to_others_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let content = STANDARD.encode([b'K'; 32]);
        for mode in [0o640, 0o620, 0o604, 0o610, 0o644, 0o666, 0o777] {
            write(&path, content.as_bytes(), mode);
            let message = MasterKey::read_file(&path).unwrap_err().to_string();
            let path = path.display();
            assert_eq!(
                message,
                format!(
                    "secrets.master_keys: {path} is open to others than its owner (mode {mode:04o}); \
                     close it with: chmod 600 {path}"
                )
            );
        }
    }

    /// X13: a missing or malformed file is named, and what it holds is not shown.
    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        assert!(matches!(MasterKey::read_file(&path), Err(MasterKeyError::Missing { .. })));
        let two_lines = format!("{0}\n{0}\n", STANDARD.encode([1; 32]));
        let short = STANDARD.encode([1; 31]);
        let long = STANDARD.encode([1; 33]);
        for content in [
            &b""[..],
            b"canary",
            b"\xff\xfe",
            short.as_bytes(),
            long.as_bytes(),
            two_lines.as_bytes(),
            &[b'A'; 999],
        ] {
            write(&path, content, 0o600);
            let error = MasterKey::read_file(&path).unwrap_err();
            assert!(matches!(error, MasterKeyError::Malformed { .. }), "{content:?}: {error:?}");
            assert!(error.to_string().contains("master.key") && !error.to_string().contains("canary"));
        }
        let error = MasterKey::parse("canary", "the variable KEY").unwrap_err().to_string();
        assert_eq!(
            error,
            "secrets.master_keys: the variable KEY does not hold 32 bytes in base64 on one line"
        );
    }
}
