//! A gateway's side of the service: declared routes with their policies, and the question about one request.

use std::{fs, path::Path};

use symbolon::settings::{AuthorizerRouteSettings, AuthorizerSettings};

use super::{Answer, Call, user::Host};

/// The headers of a "yes", in the order of the documentation.
pub(crate) const TOLD: [&str; 8] = [
    "x-auth-subject",
    "x-auth-kind",
    "x-auth-issuer",
    "x-auth-scopes",
    "x-auth-groups",
    "x-auth-roles",
    "x-auth-entitlements",
    "x-auth-route",
];

/// These routes (name, method, path), and these policies in a file of this directory, which must be there until the service
/// has started.
pub(crate) fn declared(
    directory: &Path,
    routes: &[(&str, &str, &str)],
    policies: &str,
) -> AuthorizerSettings {
    fs::write(directory.join("routes.cedar"), policies).unwrap();
    let routes = routes.iter().map(|(name, method, path)| AuthorizerRouteSettings {
        name: (*name).to_owned(),
        method: (*method).to_owned(),
        path: (*path).to_owned(),
    });
    AuthorizerSettings {
        policies: Some(directory.to_owned()),
        routes: routes.collect(),
        ..AuthorizerSettings::default()
    }
}

/// May this request pass? As nginx asks.
pub(crate) fn ask(host: &dyn Host, method: &str, uri: &str) -> Call {
    let call = host.call("GET", "/v1/forward-auth");
    call.header("x-original-method", method).header("x-original-uri", uri)
}

impl Answer {
    /// What a "yes" says of who asks; every header is there.
    #[track_caller]
    pub(crate) fn told(&self) -> [&str; 8] {
        assert_eq!((self.status, self.text.as_str()), (200, ""), "a yes has no body");
        for name in TOLD {
            assert_eq!(self.headers.get_all(name).iter().count(), 1, "{name}");
        }
        TOLD.map(|name| self.header(name))
    }

    /// A "no" with this status and slug, which says nothing of anybody.
    #[track_caller]
    pub(crate) fn says_no(&self, status: u16, slug: &str) {
        assert_eq!((self.status, self.slug()), (status, slug));
        assert!(TOLD.iter().all(|name| !self.headers.contains_key(*name)), "a no tells nothing");
    }
}
