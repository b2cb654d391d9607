//! An authorizer over the world's credentials, with a route for each thing that policies can say.

use std::{net::IpAddr, sync::Arc};

use symbolon_domain::{
    access::{PolicyFault, PolicyId, Ruling},
    access_tokens::{AccessTokenPorts, AccessTokens},
    audit::Refusals,
    authorizer::{
        Authorizer, AuthorizerPorts, CredentialPorts, CredentialSettings, CredentialVerifiers,
        RouteDeclaration, RoutePolicy, RouteRequest, Routes,
    },
    sign_up::SignUpPorts,
};

use super::World;

/// Names and paths of the routes, all of them for any method.
const ROUTES: [(&str, &str); 4] =
    [("notes", "/notes/{id}"), ("secrets", "/secrets"), ("from-here", "/from-here"), ("faulty", "/faulty")];
/// The address and the host that the route `from-here` is for.
pub(crate) const HERE: (&str, &str) = ("198.51.100.7", "api.example.org");

impl World {
    pub(super) fn authorizer(self: &Arc<Self>, sign_up: &SignUpPorts, refusals: &Refusals) -> Authorizer {
        let tokens = AccessTokenPorts {
            tokens: Arc::<Self>::clone(self),
            audit: Arc::<Self>::clone(self),
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        let public_url = "https://auth.example.org";
        let credentials = CredentialPorts {
            sessions: self.sessions(),
            api_keys: self.api_keys(refusals.clone()),
            access_tokens: AccessTokens::new(tokens, public_url),
            device_tokens: self.device_tokens(sign_up, refusals),
            trusted_issuers: self.trusted_issuers(),
        };
        let settings =
            CredentialSettings { public_url: public_url.to_owned(), audiences: vec![public_url.to_owned()] };
        let ports = AuthorizerPorts {
            credentials: Arc::new(CredentialVerifiers::new(credentials, settings)),
            policy: Arc::<Self>::clone(self),
            refusals: refusals.clone(),
        };
        let declared = ROUTES.map(|(name, path)| RouteDeclaration {
            name: name.to_owned(),
            method: "ANY".to_owned(),
            path: path.to_owned(),
        });
        Authorizer::new(ports, Arc::new(Routes::new(declared.to_vec()).unwrap()))
    }
}

impl RoutePolicy for World {
    fn judge(&self, request: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        let permitted = || Ok(Ruling::Permitted(vec![PolicyId::new("some-may")]));
        let here = (Some(HERE.0.parse::<IpAddr>().unwrap()), HERE.1);
        match request.route.name() {
            "notes" => permitted(),
            "from-here" if (request.context.source_ip, request.context.host) == here => permitted(),
            "from-here" => Ok(Ruling::NotPermitted),
            "secrets" => Ok(Ruling::Forbidden(vec![PolicyId::new("nobody-may")])),
            _ => Err(PolicyFault("a policy that cannot be evaluated".into())),
        }
    }
}
