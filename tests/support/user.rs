//! A person who signs up and signs in, so that a whole ceremony is one line of a test.

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::call::{Answer, Call};

/// A running service, in this process or as the real binary.
#[async_trait]
pub(crate) trait Host: Sync {
    /// A request to be filled in and sent.
    fn call(&self, method: &str, path: &str) -> Call;

    /// The code of the newest message to this address.
    async fn code_to(&self, address: &str) -> String;
}

/// The password of everybody.
pub(crate) const PASSWORD: &str = "seven lanterns over the harbour";

/// A person with an address and a password, who holds no token yet.
pub(crate) struct User<'a> {
    app: &'a dyn Host,
    /// Their address.
    pub(crate) address: String,
    /// Their password.
    pub(crate) password: String,
}

/// A ceremony after its first factor.
pub(crate) struct Pending<'a> {
    app: &'a dyn Host,
    /// The pre-authorized token.
    pub(crate) token: String,
    /// The client binding.
    pub(crate) binding: String,
    path: &'static str,
}

/// A person in a session.
pub(crate) struct SignedIn<'a> {
    app: &'a dyn Host,
    /// Their account.
    pub(crate) account_id: String,
    /// Their session.
    pub(crate) session_id: String,
    /// Its access token.
    pub(crate) token: String,
    /// Its refresh token.
    pub(crate) refresh_token: String,
    /// Its client binding.
    pub(crate) binding: String,
}

impl<'a> User<'a> {
    /// A person who uses this service.
    pub(crate) fn new(app: &'a dyn Host, address: &str) -> Self {
        Self { app, address: address.to_owned(), password: PASSWORD.to_owned() }
    }

    /// The same person with this password.
    pub(crate) fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The body of their sign-up or sign-in.
    pub(crate) fn credentials(&self) -> Json {
        json!({"identifier": {"type": "email", "value": self.address}, "password": self.password})
    }

    /// The answer to their sign-up.
    pub(crate) async fn try_sign_up(&self) -> Answer {
        self.app.call("POST", "/v1/sign-up").json(&self.credentials()).send().await
    }

    /// The answer to their sign-in.
    pub(crate) async fn try_sign_in(&self) -> Answer {
        self.app.call("POST", "/v1/sign-in").json(&self.credentials()).send().await
    }

    /// Their sign-up, begun.
    pub(crate) async fn begin_sign_up(&self) -> Pending<'a> {
        Pending::new(self.app, &self.try_sign_up().await.expect(201), "/v1/sign-up/verify")
    }

    /// Their sign-in, begun.
    pub(crate) async fn begin_sign_in(&self) -> Pending<'a> {
        Pending::new(self.app, &self.try_sign_in().await.expect(200), "/v1/sign-in/code")
    }

    /// Signs up, reads the code and verifies it.
    pub(crate) async fn sign_up(&self) -> SignedIn<'a> {
        let pending = self.begin_sign_up().await;
        let code = self.app.code_to(&self.address).await;
        pending.verify(&code).await
    }

    /// Signs in, reads the code and verifies it.
    pub(crate) async fn sign_in(&self) -> SignedIn<'a> {
        let pending = self.begin_sign_in().await;
        let code = self.app.code_to(&self.address).await;
        pending.verify(&code).await
    }
}

impl<'a> Pending<'a> {
    fn new(app: &'a dyn Host, answer: &Answer, path: &'static str) -> Self {
        let (token, binding) = (answer.text("access_token"), answer.text("binding"));
        Self { app, token, binding, path }
    }

    /// The same ceremony at another node.
    pub(crate) fn at<'b>(&self, app: &'b dyn Host) -> Pending<'b> {
        Pending { app, token: self.token.clone(), binding: self.binding.clone(), path: self.path }
    }

    /// A request with this ceremony's token and binding.
    pub(crate) fn post(&self, path: &str) -> Call {
        self.app.call("POST", path).bearer(&self.token).binding(&self.binding)
    }

    /// The answer to this code.
    pub(crate) async fn try_code(&self, code: &str) -> Answer {
        let body = if self.path == "/v1/sign-up/verify" {
            json!({"code": code})
        } else {
            json!({"method": "email_otp", "code": code})
        };
        self.post(self.path).json(&body).send().await
    }

    /// The session that this code opens.
    pub(crate) async fn verify(&self, code: &str) -> SignedIn<'a> {
        SignedIn::new(self.app, &self.try_code(code).await.expect(200), &self.binding)
    }

    /// The answer to asking for another code.
    pub(crate) async fn try_resend(&self) -> Answer {
        self.post("/v1/sign-in/challenge").json(&json!({})).send().await
    }
}

impl<'a> SignedIn<'a> {
    fn new(app: &'a dyn Host, answer: &Answer, binding: &str) -> Self {
        Self {
            app,
            account_id: answer.text("account_id"),
            session_id: answer.text("session_id"),
            token: answer.text("access_token"),
            refresh_token: answer.text("refresh_token"),
            binding: binding.to_owned(),
        }
    }

    /// The same session at another node.
    pub(crate) fn at<'b>(&self, app: &'b dyn Host) -> SignedIn<'b> {
        SignedIn {
            app,
            account_id: self.account_id.clone(),
            session_id: self.session_id.clone(),
            token: self.token.clone(),
            refresh_token: self.refresh_token.clone(),
            binding: self.binding.clone(),
        }
    }

    /// A request with this session's token and binding.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.app.call(method, path).bearer(&self.token).binding(&self.binding)
    }

    /// The answer to showing this refresh token.
    pub(crate) async fn try_refresh_with(&self, refresh_token: &str) -> Answer {
        let body = json!({"refresh_token": refresh_token});
        self.app.call("POST", "/v1/sessions/refresh").binding(&self.binding).json(&body).send().await
    }

    /// The session with new tokens.
    pub(crate) async fn refresh(&self) -> SignedIn<'a> {
        let answer = self.try_refresh_with(&self.refresh_token).await.expect(200);
        Self::new(self.app, &answer, &self.binding)
    }

    /// What the service says of this session's token.
    pub(crate) async fn verify(&self) -> Json {
        let body = json!({"access_token": self.token, "binding": self.binding});
        self.app.call("POST", "/v1/sessions/verify").json(&body).send().await.expect(200).json
    }

    /// Does the service say that this session's token counts?
    pub(crate) async fn is_active(&self) -> bool {
        self.verify().await["active"] == true
    }
}
