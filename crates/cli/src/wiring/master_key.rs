//! Where the master keys come from, and when a new one may be made: only together with a new store (G10).

use std::sync::Arc;

use symbolon_adapters::seal::{MasterKey, MasterKeyError, MasterKeys};
use symbolon_domain::entropy::Entropy;

use super::WiringError;
use crate::settings::{MasterKeySource, Settings};

/// The configured keys, for a store that is about to be made: where the first key's file is not there, it is made too.
#[cfg(feature = "sqlite")]
pub(super) fn load_or_create(
    settings: &Settings,
    entropy: &Arc<dyn Entropy>,
) -> Result<MasterKeys, WiringError> {
    if let Some(MasterKeySource::File(path)) = settings.secrets.master_keys.first()
        && !path.exists()
    {
        match MasterKey::create_file(path, &**entropy) {
            Ok(_) => {
                tracing::info!(path = %path.display(), "made a master key: back it up apart from the store");
            }
            // Another process that starts on the same new store was quicker.
            Err(MasterKeyError::AlreadyThere(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    load(settings, entropy)
}

/// The configured keys, for a store that several nodes may share: all must be there, for a node cannot know whether the
/// store is new to the others too.
#[cfg(any(feature = "postgres", feature = "dynamodb"))]
pub(super) fn load_shared(
    settings: &Settings,
    entropy: &Arc<dyn Entropy>,
) -> Result<MasterKeys, WiringError> {
    load(settings, entropy).map_err(|error| match error {
        WiringError::MasterKeyMissing(path) => WiringError::SharedMasterKeyMissing(path),
        other => other,
    })
}

/// The configured keys, which must all be there.
pub(super) fn load(settings: &Settings, entropy: &Arc<dyn Entropy>) -> Result<MasterKeys, WiringError> {
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
