//! Who administers: somebody whose session counts, and whose role is staff or superuser at this moment. Anybody else is
//! turned away before anything of the request is read, which is noted for the audit.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use symbolon_domain::accounts::Administrator;

use super::{Caller, origin};
use crate::{
    Api,
    problem::{Problem, ProblemType},
};

impl FromRequestParts<Arc<Api>> for AdministratorCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let origin = origin(parts)?;
        let administrator = api.use_cases.accounts.administrator(&caller.signed_in, &origin);
        administrator.map(Self).map_err(|_| Problem::new(ProblemType::AccessDenied))
    }
}

/// An administrator who calls.
pub(crate) struct AdministratorCaller(pub(crate) Administrator);
