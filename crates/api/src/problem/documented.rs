//! Which problems an endpoint may answer with, as the OpenAPI document tells it.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, example::ExampleBuilder, response::Response},
};

use super::{PROBLEM_JSON, ProblemType};

/// What any endpoint may answer.
const COMMON: [ProblemType; 4] = [
    ProblemType::TooManyRequests,
    ProblemType::HeadersTooLarge,
    ProblemType::Internal,
    ProblemType::Unavailable,
];

/// What an endpoint that reads a body, or sees to it that there is none, may answer besides.
const BODY: [ProblemType; 4] = [
    ProblemType::InvalidRequest,
    ProblemType::RequestTimeout,
    ProblemType::PayloadTooLarge,
    ProblemType::UnsupportedMediaType,
];

macro_rules! documented {
    ($($(#[$doc:meta])* $name:ident = [$($common:ident),*] $($kind:ident)*;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[&COMMON, $(&$common,)* &[$(ProblemType::$kind),*]])
            }
        }
    )+};
}

documented! {
    /// Of one that needs nothing of its caller.
    PublicProblems = [];
    /// Of beginning a sign-up.
    SignUpProblems = [BODY] OriginMismatch TooManyMessages;
    /// Of verifying a sign-up.
    SignUpCodeProblems = [BODY]
        Unauthorized InvalidToken WrongCode OriginMismatch Conflict Gone CodeExpired AttemptsExhausted TooManyAttempts;
    /// Of beginning a recovery.
    RecoveryProblems = [BODY] TooManyMessages;
    /// Of setting a password by a recovery.
    RecoveryVerifyProblems = [BODY] WrongCode Gone AttemptsExhausted;
    /// Of changing one's own password.
    PasswordProblems = [BODY]
        Unauthorized InvalidToken InsufficientUserAuthentication WrongPassword OriginMismatch PasswordChanged
        TooManyAttempts;
    /// Of beginning a sign-in.
    SignInProblems = [BODY] InvalidCredentials OriginMismatch TooManyAttempts;
    /// Of the second factor of a sign-in.
    SignInCodeProblems = [BODY]
        Unauthorized InvalidToken WrongCode OriginMismatch Gone CodeExpired AttemptsExhausted TooManyAttempts;
    /// Of sending a code again.
    ChallengeProblems = [BODY] Unauthorized InvalidToken OriginMismatch Gone AttemptsExhausted TooManyMessages;
    /// Of verifying a token.
    VerifyProblems = [BODY];
    /// Of refreshing a session.
    RefreshProblems = [BODY] InvalidToken OriginMismatch;
    /// Of reading something of one's own.
    ReadProblems = [] Unauthorized InvalidToken NotFound;
    /// Of reading a list of one's own.
    ListProblems = [] InvalidRequest Unauthorized InvalidToken;
    /// Of changing something of one's own.
    ChangeProblems = [BODY] Unauthorized InvalidToken OriginMismatch NotFound;
    /// Of redeeming an invitation.
    RedeemProblems = [BODY] Gone;
    /// Of reading one thing as an administrator.
    AdministratorReadProblems = [] Unauthorized InvalidToken AccessDenied NotFound;
    /// Of reading a list as an administrator.
    AdministratorListProblems = [] InvalidRequest Unauthorized InvalidToken AccessDenied;
    /// Of changing something as an administrator.
    AdministratorChangeProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied NotFound;
    /// Of opening or closing an account.
    AccountLockProblems = [BODY]
        Unauthorized InvalidToken OriginMismatch AccessDenied NotFound LastSuperuser AccountCompromised;
    /// Of marking accounts.
    AccountMarkProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied;
    /// Of asking whether a request may pass.
    ForwardAuthProblems = [] Unauthorized InvalidToken NotLetThrough NotAGateway;
    /// Of asking who may do what.
    AccessCheckProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied;
    /// Of giving an account a role.
    AccountRoleProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied NotFound LastSuperuser;
    /// Of ending somebody's sessions.
    AdministratorEndProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied NotFound;
    /// Of inviting somebody.
    InviteProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied AddressTaken;
    /// Of making a signing key.
    KeyRotationProblems = [BODY]
        Unauthorized InvalidToken InsufficientUserAuthentication OriginMismatch AccessDenied KeyPublished KeysChanged;
    /// Of retiring a signing key.
    KeyRetirementProblems = [BODY]
        Unauthorized InvalidToken InsufficientUserAuthentication OriginMismatch AccessDenied NotFound KeysChanged
        LastSigningKey;
    /// Of issuing an API key.
    IssueApiKeyProblems = [BODY]
        Unauthorized InvalidToken InsufficientUserAuthentication OriginMismatch AccessDenied TooManyKeys;
    /// Of a request for a token, besides those that OAuth tells in its own way.
    TokenProblems = [] RequestTimeout PayloadTooLarge UnsupportedMediaType;
    /// Of listing the API keys of an account.
    ApiKeyListProblems = [] InvalidRequest Unauthorized InvalidToken NotFound;
    /// Of ending one API key.
    ApiKeyEndProblems = [BODY] Unauthorized InvalidToken OriginMismatch NotFound;
    /// Of ending the API keys of an account.
    ApiKeyEndManyProblems = [BODY] Unauthorized InvalidToken OriginMismatch NotFound;
    /// Of asking for a device token.
    DeviceTokenRequestProblems = [BODY]
        Unauthorized InvalidToken OriginMismatch AnotherUser NotLicensed NoVerifiedEmail TooManyMessages;
    /// Of claiming a device token.
    DeviceTokenClaimProblems = [BODY]
        Unauthorized InvalidToken WrongClaim OriginMismatch NotLicensed NotFound NoSeatLeft Expired Superseded Consumed
        AttemptsExhausted;
    /// Of exchanging a device token.
    DeviceTokenExchangeProblems = [BODY] InvalidToken NotLicensed NoSeatLeft TooEarly;
    /// Of listing the device tokens of somebody.
    DeviceTokenListProblems = [] InvalidRequest Unauthorized InvalidToken NotFound;
    /// Of granting a licence.
    LicenseGrantProblems = [BODY] Unauthorized InvalidToken OriginMismatch AccessDenied LicensesKeptElsewhere;
    /// Of listing the licences of all.
    LicenseListProblems = [] InvalidRequest Unauthorized InvalidToken AccessDenied LicensesKeptElsewhere;
    /// Of listing one's own licences.
    OwnLicensesProblems = [] Unauthorized InvalidToken LicensesKeptElsewhere;
    /// Of ending a licence.
    LicenseEndProblems = [BODY]
        Unauthorized InvalidToken OriginMismatch AccessDenied NotFound LicensesKeptElsewhere;
    /// Of ending something of one's own.
    EndProblems = [BODY] Unauthorized InvalidToken OriginMismatch NotFound;
    /// Of ending many things of one's own.
    EndManyProblems = [BODY] Unauthorized InvalidToken OriginMismatch;
}

/// One response per status, with each of its problems as an example.
fn responses(groups: &[&[ProblemType]]) -> BTreeMap<String, RefOr<Response>> {
    let mut statuses: BTreeMap<u16, Vec<ProblemType>> = BTreeMap::new();
    for kind in groups.iter().copied().flatten() {
        statuses.entry(kind.status().as_u16()).or_default().push(*kind);
    }
    statuses.into_iter().map(|(status, kinds)| (status.to_string(), RefOr::T(response(&kinds)))).collect()
}

fn response(kinds: &[ProblemType]) -> Response {
    let description = kinds.iter().map(|kind| format!("`{}`", kind.slug())).collect::<Vec<_>>().join(", ");
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    for kind in kinds {
        let errors = match kind {
            ProblemType::InvalidRequest => serde_json::json!([
                {"slug": "missing", "pointer": "/password", "detail": "this member is required"},
            ]),
            _ => serde_json::json!([]),
        };
        let value = serde_json::json!({
            "type": kind.reference(),
            "title": kind.title(),
            "status": kind.status().as_u16(),
            "detail": kind.detail(),
            "request_id": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1",
            "errors": errors,
        });
        let example = ExampleBuilder::new().summary(kind.title()).value(Some(value)).build();
        content = content.examples_from_iter([(kind.slug(), example)]);
    }
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content.build()).build()
}
