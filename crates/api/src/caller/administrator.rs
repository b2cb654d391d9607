//! Who administers: somebody whose session counts, and whose role is staff or superuser at this moment. Anybody else is
//! turned away before anything of the request is read, which is noted for the audit.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use symbolon_domain::accounts::Administrator;

use super::{Caller, fresh, origin};
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

/// A superuser who calls, and who has signed in so lately that they may do what is sensitive (F7).
pub(crate) struct FreshSuperuser(pub(crate) Administrator);

impl FromRequestParts<Arc<Api>> for FreshSuperuser {
    type Rejection = Problem;

    /// The role is asked first: who may not do it at all need not sign in again to learn so.
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let origin = origin(parts)?;
        let superuser = api.use_cases.accounts.superuser(&caller.signed_in, &origin);
        let superuser = superuser.map_err(|_| Problem::new(ProblemType::AccessDenied))?;
        fresh(api, &caller, &origin)?;
        Ok(Self(superuser))
    }
}
