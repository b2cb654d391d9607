//! Bodies that are forms (`application/x-www-form-urlencoded`), as OAuth has them: a parameter without a value is not there, unknown
//! ones are nobody's concern, and none may come twice (RFC 6749, section 3.2).

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use secrecy::SecretString;

use super::{Fault, body};
use crate::{
    Api,
    problem::{Problem, Slug},
};

/// A form.
pub(crate) struct Form {
    pairs: Vec<(String, SecretString)>,
}

impl Form {
    /// Takes a parameter that has a value.
    pub(crate) fn take(&mut self, name: &str) -> Option<SecretString> {
        let index = self.pairs.iter().position(|(key, _)| key == name)?;
        Some(self.pairs.swap_remove(index).1)
    }

    /// Does a parameter come twice?
    pub(crate) fn has_duplicates(&self) -> bool {
        let mut names: Vec<&str> = self.pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }
}

impl FromRequest<Arc<Api>> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let bytes = body::read(request, api.settings.body_limit).await?.unwrap_or_default();
        let malformed = || Problem::at("", Fault::new(Slug::InvalidFormat, "the body is not a form"));
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes).map_err(|_| malformed())?;
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        Ok(Self { pairs: given.map(|(name, value)| (name, value.into())).collect() })
    }
}
