//! Who calls: what a request shows of its sender, as extractors for the handlers.
//!
//! A token is taken from the `Authorization` header or, for browsers, from cookies; never from the URI (C42). A
//! header wins over a cookie. Whoever shows a cookie to change something must be a page of an origin that may (C24).

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};
use secrecy::SecretString;
use symbolon_domain::{
    actor::Origin,
    sessions::{SignedIn, VerifyError},
    sign_in::PreAuthorizedCaller,
};

pub(crate) mod administrator;
pub(crate) mod cookies;
pub(crate) mod forwarded;
pub(crate) mod holder;
pub(crate) mod page_origin;

use crate::{
    Api,
    problem::{Problem, ProblemType},
};

/// The header that carries a client binding (S7).
pub(crate) const BINDING_HEADER: &str = "symbolon-binding";

/// Longer tokens are not looked at (C54).
const LONGEST_TOKEN: usize = 16 * 1024;

/// A secret, and whether the browser added it by itself.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) secret: SecretString,
    pub(crate) by_cookie: bool,
}

/// Somebody whose session counts, as the store says at this moment.
pub(crate) struct Caller {
    pub(crate) signed_in: SignedIn,
    /// Whether a cookie took part in proving it.
    pub(crate) by_cookie: bool,
}

/// Somebody whose session counts, and who has signed in so lately that they may do what is sensitive (F7).
pub(crate) struct FreshCaller(pub(crate) Caller);

/// Somebody between the first and the second factor. Whether their token counts is the ceremony's to say.
pub(crate) struct SecondStep {
    token: SecretString,
    binding: Option<Shown>,
}

/// What a refresh shows beside its body.
pub(crate) struct RefreshCookie {
    /// The refresh token of the cookie.
    pub(crate) token: Option<SecretString>,
    /// The client binding.
    pub(crate) binding: Option<SecretString>,
    /// Whether the binding came as a cookie.
    pub(crate) binds: bool,
}

/// The refresh token of an API key that a cookie carries.
pub(crate) struct KeyRefreshCookie(pub(crate) Option<SecretString>);

impl SecondStep {
    /// What is shown, for the use case.
    pub(crate) fn shown(&self) -> PreAuthorizedCaller<'_> {
        let binding = self.binding.as_ref().map(|shown| &shown.secret);
        PreAuthorizedCaller { access_token: &self.token, binding }
    }

    /// Did the browser add the binding by itself?
    pub(crate) fn binds_by_cookie(&self) -> bool {
        self.binding.as_ref().is_some_and(|shown| shown.by_cookie)
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let token = match bearer(&parts.headers)? {
            Some(secret) => Some(Shown { secret, by_cookie: false }),
            None => cookies::find(&parts.headers, cookies::SESSION)?,
        };
        let token = token.ok_or(Problem::new(ProblemType::Unauthorized))?;
        let binding = binding(&parts.headers)?;
        let by_cookie = token.by_cookie || binding.as_ref().is_some_and(|shown| shown.by_cookie);
        if by_cookie && is_unsafe(&parts.method) {
            page_origin::check(&parts.headers, &api.settings)?;
        }
        let origin = origin(parts)?;
        let binding = binding.as_ref().map(|shown| &shown.secret);
        match api.use_cases.sessions.verify(&token.secret, binding, &origin).await {
            Ok((_, signed_in)) => Ok(Self { signed_in, by_cookie }),
            Err(VerifyError::Inactive(_)) => Err(Problem::new(ProblemType::InvalidToken)),
            Err(VerifyError::Store(error)) => Err(error.into()),
        }
    }
}

impl FromRequestParts<Arc<Api>> for FreshCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        fresh(api, &caller, &origin(parts)?)?;
        Ok(Self(caller))
    }
}

/// Has the caller signed in lately enough for what is sensitive (F7)?
pub(crate) fn fresh(api: &Api, caller: &Caller, origin: &Origin) -> Result<(), Problem> {
    let sessions = &api.use_cases.sessions;
    let fresh = sessions.require_fresh(&caller.signed_in, origin);
    fresh.map_err(|_| Problem::stale(sessions.settings().fresh_for))
}

impl FromRequestParts<Arc<Api>> for SecondStep {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?.ok_or(Problem::new(ProblemType::Unauthorized))?;
        let binding = binding(&parts.headers)?;
        if binding.as_ref().is_some_and(|shown| shown.by_cookie) && is_unsafe(&parts.method) {
            page_origin::check(&parts.headers, &api.settings)?;
        }
        Ok(Self { token, binding })
    }
}

impl FromRequestParts<Arc<Api>> for RefreshCookie {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        let token = cookies::find(&parts.headers, cookies::REFRESH)?.map(|shown| shown.secret);
        let binding = binding(&parts.headers)?;
        let binds = binding.as_ref().is_some_and(|shown| shown.by_cookie);
        Ok(Self { token, binding: binding.map(|shown| shown.secret), binds })
    }
}

impl FromRequestParts<Arc<Api>> for KeyRefreshCookie {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        Ok(Self(cookies::find(&parts.headers, cookies::KEY_REFRESH)?.map(|shown| shown.secret)))
    }
}

/// Where the request comes from; the boundary has put it there.
fn origin(parts: &Parts) -> Result<Origin, Problem> {
    parts.extensions.get::<Origin>().cloned().ok_or(Problem::new(ProblemType::Internal))
}

/// The token of the `Authorization` header (RFC 6750, section 2.1); none when there is no such header.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<SecretString>, Problem> {
    let Some(value) = only(headers, header::AUTHORIZATION.as_str())? else { return Ok(None) };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token_of(token.trim()).map(Some),
        // Another scheme is not one that this service speaks.
        _ => Err(Problem::new(ProblemType::InvalidToken)),
    }
}

/// The client binding: the header's, else the cookie's.
fn binding(headers: &HeaderMap) -> Result<Option<Shown>, Problem> {
    match only(headers, BINDING_HEADER)? {
        Some(value) => Ok(Some(Shown { secret: token_of(value)?, by_cookie: false })),
        None => cookies::find(headers, cookies::BINDING),
    }
}

/// The one header of this name. Two of them, or one that is not ASCII, prove nothing.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Problem::new(ProblemType::InvalidToken)),
        (Some(_), Some(_)) => Err(Problem::new(ProblemType::InvalidToken)),
    }
}

pub(crate) fn token_of(text: &str) -> Result<SecretString, Problem> {
    if text.is_empty() || text.len() > LONGEST_TOKEN {
        Err(Problem::new(ProblemType::InvalidToken))
    } else {
        Ok(SecretString::from(text))
    }
}

/// May the method change something (RFC 9110, section 9.2.1)?
fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn token(pairs: &[(&str, &str)]) -> Result<Option<String>, ProblemType> {
        let token = bearer(&headers(pairs)).map_err(|problem| problem.kind())?;
        Ok(token.map(|token| token.expose_secret().to_owned()))
    }

    /// C54: a token of more than 16 KiB, or one of two, is none.
    #[test]
    fn only_one_bearer_token_of_a_sane_size_counts() {
        let invalid = Err(ProblemType::InvalidToken);
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&[("authorization", "bEaReR abc")]), Ok(Some("abc".to_owned())));
        assert_eq!(token(&[("authorization", "Basic abc")]), invalid);
        assert_eq!(token(&[("authorization", "Bearer")]), invalid);
        assert_eq!(token(&[("authorization", "Bearer ")]), invalid);
        assert_eq!(token(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]), invalid);
        let longest = format!("Bearer {}", "a".repeat(LONGEST_TOKEN));
        assert!(token(&[("authorization", &longest)]).is_ok());
        assert_eq!(token(&[("authorization", &format!("{longest}a"))]), invalid);
    }

    /// S7: the header is asked first.
    #[test]
    fn a_binding_header_wins_over_its_cookie() {
        let cookie = ("cookie", "__Host-symbolon-binding=from-cookie");
        let shown = binding(&headers(&[cookie, ("symbolon-binding", "from-header")])).unwrap().unwrap();
        assert_eq!((shown.secret.expose_secret(), shown.by_cookie), ("from-header", false));
        let shown = binding(&headers(&[cookie])).unwrap().unwrap();
        assert_eq!((shown.secret.expose_secret(), shown.by_cookie), ("from-cookie", true));
    }
}
