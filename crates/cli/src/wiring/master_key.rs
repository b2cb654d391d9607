//! Where the master keys come from, and when a new one may be made: only together with a new store (G10).

use std::{io, path::Path, sync::Arc};

use symbolon_adapters::seal::{MasterKey, MasterKeyError, MasterKeys};
use symbolon_domain::entropy::Entropy;

use super::{WiringError, exists};
use crate::settings::{MasterKeySource, Settings};

/// The configured keys. Where there is no store yet and the first key's file is not there, it is made.
pub(crate) fn load_or_create(
    settings: &Settings,
    store: &Path,
    entropy: &Arc<dyn Entropy>,
) -> Result<MasterKeys, WiringError> {
    let is_new = !exists(store)?;
    if is_new
        && let Some(MasterKeySource::File(path)) = settings.secrets.master_keys.first()
        && !path.exists()
    {
        match MasterKey::create_file(path, &**entropy) {
            Ok(_) => {
                tracing::info!(path = %path.display(), "made a master key: back it up apart from the store");
            }
            // Another process that starts on the same new store was quicker.
            Err(MasterKeyError::NotMade { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    let keys = load(settings, entropy)?;
    if is_new {
        tracing::warn!(store = %store.display(), "there is no store: a new, empty one is made");
    }
    Ok(keys)
}

/// The configured keys, which must all be there.
pub(crate) fn load(settings: &Settings, entropy: &Arc<dyn Entropy>) -> Result<MasterKeys, WiringError> {
    let keys: Vec<MasterKey> = settings.secrets.master_keys.iter().map(read).collect::<Result<_, _>>()?;
    match keys.split_first() {
        Some((first, others)) => Ok(MasterKeys::new(first, others, Arc::clone(entropy))),
        None => Err(WiringError::NoMasterKey),
    }
}

fn read(source: &MasterKeySource) -> Result<MasterKey, WiringError> {
    match source {
        MasterKeySource::File(path) => match MasterKey::read_file(path) {
            Err(MasterKeyError::Missing { path }) => Err(WiringError::MasterKeyMissing(path)),
            read => Ok(read?),
        },
        MasterKeySource::Env(name) => {
            let text = std::env::var(name).map_err(|_| WiringError::VariableMissing(name.clone()))?;
            Ok(MasterKey::parse(&text, &format!("the variable {name}"))?)
        }
    }
}
