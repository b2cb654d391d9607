//! Argon2id: making hashes under the configured parameters and judging stored ones under their own (S13). Other
//! schemes, to be imported and upgraded, are not here yet.

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use symbolon_domain::passwords::{HashError, Password, PasswordHash, PasswordVerdict};
use zeroize::Zeroizing;

use super::pool::Workspace;

/// Bytes of a new salt.
pub(super) const SALT_LENGTH: usize = 16;
const OUTPUT_LENGTH: usize = 32;
/// A stored hash that asks for more than this is damaged or hostile: 1 GiB, 100 passes, 16 lanes.
const MOST: (u32, u32, u32) = (1_048_576, 100, 16);

/// The scheme of new hashes.
pub(super) struct Argon2id {
    params: Params,
}

impl Argon2id {
    /// None when Argon2 has no such parameters.
    pub(super) fn new(memory_kib: u32, iterations: u32, parallelism: u32) -> Option<Self> {
        let params = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_LENGTH)).ok()?;
        is_bounded(&params).then_some(Self { params })
    }

    /// One hash under the configured parameters.
    pub(super) fn hash(
        &self,
        workspace: &mut Workspace,
        password: &Password,
        salt: &[u8; SALT_LENGTH],
    ) -> Result<PasswordHash, HashError> {
        let mut output = Zeroizing::new([0; OUTPUT_LENGTH]);
        let argon2 = argon2id(Version::V0x13, &self.params);
        workspace.hash(&argon2, password.reveal().as_bytes(), salt, &mut *output).map_err(failed)?;
        let phc = phc::PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(Salt::new(salt).map_err(failed)?),
            hash: Some(Output::new(&*output).map_err(failed)?),
        };
        Ok(PasswordHash::from_phc(phc.to_string()))
    }

    /// One hash under the stored parameters, compared in constant time.
    pub(super) fn verify(
        &self,
        workspace: &mut Workspace,
        password: &Password,
        stored: &StoredHash,
    ) -> Result<PasswordVerdict, HashError> {
        let mut buffer = Zeroizing::new([0; Output::MAX_LENGTH]);
        let output = buffer.get_mut(..stored.output.len()).ok_or_else(|| unreadable("output"))?;
        let argon2 = argon2id(stored.version, &stored.params);
        let hashed = workspace.hash(&argon2, password.reveal().as_bytes(), &stored.salt, output);
        workspace.shrink_to(self.params.block_count());
        hashed.map_err(failed)?;
        Ok(if verify_slices_are_equal(output, stored.output.as_bytes()).is_err() {
            PasswordVerdict::Wrong
        } else if self.is_stronger_than(stored) {
            PasswordVerdict::RightButOutdated
        } else {
            PasswordVerdict::Right
        })
    }

    /// Is there anything in which a new hash would be better?
    fn is_stronger_than(&self, stored: &StoredHash) -> bool {
        stored.version != Version::V0x13
            || stored.params.m_cost() < self.params.m_cost()
            || stored.params.t_cost() < self.params.t_cost()
            || stored.params.p_cost() < self.params.p_cost()
            || stored.salt.len() < SALT_LENGTH
            || stored.output.len() < OUTPUT_LENGTH
    }
}

/// A stored hash, taken apart.
pub(super) struct StoredHash {
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl StoredHash {
    /// Reads a PHC string of Argon2id with any parameters within bounds.
    pub(super) fn parse(hash: &PasswordHash) -> Result<Self, HashError> {
        let phc = phc::PasswordHash::new(hash.as_phc()).map_err(|_| unreadable("format"))?;
        if phc.algorithm != ARGON2ID_IDENT {
            return Err(unreadable("scheme"));
        }
        // The first version did not write itself down.
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from);
        let params = Params::try_from(&phc).ok().filter(is_bounded);
        Ok(Self {
            version: version.map_err(|_| unreadable("version"))?,
            params: params.ok_or_else(|| unreadable("parameters"))?,
            salt: phc.salt.ok_or_else(|| unreadable("salt"))?,
            output: phc.hash.ok_or_else(|| unreadable("output"))?,
        })
    }
}

fn argon2id(version: Version, params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, version, params.clone())
}

fn is_bounded(params: &Params) -> bool {
    let (memory, iterations, lanes) = MOST;
    params.m_cost() <= memory && params.t_cost() <= iterations && params.p_cost() <= lanes
}

/// Names the part that cannot be read, never what it says.
fn unreadable(part: &str) -> HashError {
    HashError::Failed(format!("the {part} of the stored hash cannot be read"))
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}
