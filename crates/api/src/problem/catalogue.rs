//! Every problem there is, in one table: its slug, status, title and detail. `GET /problems/{slug}` reads it too.

use axum::http::StatusCode;

/// What an entry of the table says.
struct Entry {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
}

macro_rules! problems {
    ($($name:ident = $slug:literal, $status:ident, $title:literal, $detail:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemType {
            $(#[doc = $title] $name,)+
        }

        impl ProblemType {
            /// All of them.
            pub(crate) const ALL: [Self; [$($slug),+].len()] = [$(Self::$name),+];

            const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => {
                        Entry { slug: $slug, status: StatusCode::$status, title: $title, detail: $detail }
                    })+
                }
            }
        }
    };
}

problems! {
    InvalidRequest = "invalid_request", BAD_REQUEST, "The request is not valid",
        "Each fault is named in `errors`, where there is more to say.";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Credentials are needed",
        "Show a token in the Authorization header, or the cookies of a session.";
    InvalidToken = "invalid_token", UNAUTHORIZED, "The token does not count",
        "It may have expired, been ended, or belong to another client. Sign in again.";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The address or the password is wrong",
        "Check both and try again.";
    InsufficientUserAuthentication = "insufficient_user_authentication", UNAUTHORIZED, "The sign-in is too old for this",
        "Sign in again, not longer ago than max_age in WWW-Authenticate says in seconds (RFC 9470), and then repeat this.";
    WrongCode = "wrong_code", FORBIDDEN, "The code is wrong",
        "Compare it with the latest message. The number of attempts is limited.";
    WrongClaim = "wrong_claim", FORBIDDEN, "The device or the code is wrong",
        "Claim with the device that it was asked for, and the code of the latest message. The number of attempts is limited.";
    WrongPassword = "wrong_password", FORBIDDEN, "The current password is wrong",
        "Check it and try again. After each failure there is a pause.";
    OriginMismatch = "origin_mismatch", FORBIDDEN, "The page may not do this",
        "Cookies count only for requests from this service's own origin, or from one that its operator has listed.";
    AccessDenied = "access_denied", FORBIDDEN, "This is not yours to do",
        "Your role does not allow it, at all or in this case. `errors` names what is to blame, where that is known.";
    NotLetThrough = "not_let_through", FORBIDDEN, "The request may not pass",
        "No policy lets you make it, or its path can be read in more than one way.";
    NotAGateway = "not_a_gateway", FORBIDDEN, "Only gateways ask this",
        "A proxy that is trusted here (`http.trusted_proxies`) asks, and says the method and the URI of its request, each once.";
    AnotherUser = "another_user", FORBIDDEN, "A device token is asked for by its user only",
        "`user_id` is to be your own: the id of your account, or what your token's issuer calls you.";
    NotLicensed = "not_licensed", FORBIDDEN, "There is no licence for this",
        "You have no licence, or none any more. An administrator grants them.";
    NoVerifiedEmail = "no_verified_email", FORBIDDEN, "There is no verified e-mail address",
        "The code goes by e-mail. Show a token that carries an address which its issuer has verified: an ID token often does.";
    NotFound = "not_found", NOT_FOUND, "There is no such thing",
        "Nothing is here, or it is not yours.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "The Allow header names those that are.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "Send it again, all at once.";
    Conflict = "conflict", CONFLICT, "Something else came first",
        "The address has an account by now. Sign in instead.";
    PasswordChanged = "password_changed", CONFLICT, "The password was changed meanwhile",
        "Nothing was changed by this request. Find out which password counts, then try again.";
    AddressTaken = "address_taken", CONFLICT, "The address has an account",
        "Find it by `GET /v1/admin/accounts?email=`.";
    TooManyKeys = "too_many_keys", CONFLICT, "The account has as many keys as it may",
        "End one that is not needed any more, or wait until one ends by itself: Retry-After says for how long at least.";
    LastSuperuser = "last_superuser", CONFLICT, "The last superuser stays",
        "Make somebody else a superuser first.";
    AccountCompromised = "account_compromised", CONFLICT, "The account is marked compromised",
        "It is closed already, and opens only when its owner has recovered it with a new password.";
    KeyPublished = "key_published", CONFLICT, "The next key is published already",
        "It signs from its `signs_from` on. With `now=true` another one is made, which signs at once.";
    KeysChanged = "keys_changed", CONFLICT, "Another key was made or retired meanwhile",
        "Nothing was changed by this request. Look at the keys, then try again.";
    LastSigningKey = "last_signing_key", CONFLICT, "It is the only key that may sign",
        "Make another one first (`POST /v1/admin/signing-keys/rotate?now=true`), and wait until it signs.";
    NoSeatLeft = "no_seat_left", CONFLICT, "Every seat of the licence is taken",
        "End the token of a device that does not need it any more (`DELETE /v1/device-tokens/{id}`), then try again.";
    TooEarly = "too_early", CONFLICT, "The device token is not about to end",
        "It can be exchanged shortly before it ends. Wait as long as Retry-After says.";
    LicensesKeptElsewhere = "licenses_kept_elsewhere", CONFLICT, "Licences are kept elsewhere",
        "There are none here to grant, list or end: the operator has set `licensing.source`.";
    Gone = "gone", GONE, "This is over",
        "It was completed, ended or has expired. Start again.";
    CodeExpired = "code_expired", GONE, "The code has expired",
        "Ask for another one.";
    Expired = "expired", GONE, "The request has expired",
        "Ask for another device token.";
    Superseded = "superseded", GONE, "A newer request of the same device is in its place",
        "Claim that one, with the code of the latest message.";
    Consumed = "consumed", GONE, "The request was claimed already",
        "The device has its token. Ask for another one if it was lost.";
    AttemptsExhausted = "attempts_exhausted", GONE, "Too many wrong codes",
        "No code opens this any more. Start again.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "No endpoint needs so much.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of another type",
        "Send a JSON object as application/json, or a form to the endpoints of OAuth.";
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests",
        "Wait as long as Retry-After says.";
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many failures",
        "Wait as long as Retry-After says before the next attempt.";
    TooManyMessages = "too_many_messages", TOO_MANY_REQUESTS, "Too many messages",
        "Wait as long as Retry-After says before you ask for another one.";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large",
        "No endpoint needs so much.";
    Internal = "internal_error", INTERNAL_SERVER_ERROR, "The service has failed",
        "It was noted under this request's id.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is busy or partly down",
        "Wait as long as Retry-After says, then try again.";
}

impl ProblemType {
    /// The problem of this slug.
    pub(crate) fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// Its name.
    pub(crate) const fn slug(self) -> &'static str {
        self.entry().slug
    }

    /// Its `type`: where it is described.
    pub(crate) fn reference(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// Its status.
    pub(crate) const fn status(self) -> StatusCode {
        self.entry().status
    }

    /// It in a few words.
    pub(crate) const fn title(self) -> &'static str {
        self.entry().title
    }

    /// What to do about it.
    pub(crate) const fn detail(self) -> &'static str {
        self.entry().detail
    }

    /// What `WWW-Authenticate` says (RFC 6750, section 3).
    pub(crate) const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized | Self::InvalidCredentials => Some("Bearer"),
            Self::InvalidToken => Some("Bearer error=\"invalid_token\""),
            _ => None,
        }
    }

    /// Is it what a bare status of the framework means?
    pub(super) fn stands_for(self, status: StatusCode) -> bool {
        let is_finding = matches!(
            self,
            Self::InvalidToken
                | Self::InvalidCredentials
                | Self::InsufficientUserAuthentication
                | Self::WrongCode
                | Self::WrongClaim
                | Self::WrongPassword
        );
        !is_finding && self.status() == status
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn slugs_are_unique_and_say_their_type() {
        let slugs: HashSet<_> = ProblemType::ALL.into_iter().map(ProblemType::slug).collect();
        assert_eq!(slugs.len(), ProblemType::ALL.len());
        for kind in ProblemType::ALL {
            assert_eq!(ProblemType::parse(kind.slug()), Some(kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }
}
