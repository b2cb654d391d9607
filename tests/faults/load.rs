//! People who refresh until the service or its store is gone, and what must be true afterwards of what they were told.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use serde_json::{Value as Json, json};

use crate::support::{Binary, Call, Home, Host as _, client, command_of};

/// Without a grace a used token that came alive again could not hide.
pub(super) const WITHOUT_GRACE: (&str, &str) = ("SYMBOLON_SESSIONS__GRACE", "0s");
const PEOPLE: usize = 6;

/// People who have just signed up; the session of the first has ended.
pub(super) struct Load {
    people: Vec<Known>,
    dead: AtomicBool,
    writes: Mutex<usize>,
}

/// What one person's client was told before something died.
struct Known {
    address: String,
    binding: String,
    /// The first access token.
    access: String,
    /// The refresh token of the last answer.
    newest: String,
    /// The one that was shown for it, if any.
    used: Option<String>,
    sign_up: (String, String, String),
}

impl Load {
    /// New people, told from those of other turns by this number.
    pub(super) async fn begin(binary: &Binary, turn: usize) -> Self {
        let mut people = Vec::new();
        for person in 0..PEOPLE {
            let address = format!("person-{turn}-{person}@example.org");
            let pending = binary.user(&address).begin_sign_up().await;
            let code = binary.code_to(&address).await;
            let session = pending.verify(&code).await;
            let sign_up = (pending.token.clone(), pending.binding.clone(), code);
            let (binding, newest) = (session.binding.clone(), session.refresh_token.clone());
            people.push(Known {
                address,
                binding,
                access: session.token.clone(),
                newest,
                used: None,
                sign_up,
            });
            if person == 0 {
                session.call("DELETE", "/v1/sessions/current").send().await.expect(204);
            }
        }
        Self { people, dead: AtomicBool::new(false), writes: Mutex::new(0) }
    }

    /// Everybody refreshes at this address; once that is under way `death` begins, and when it is over they stop. Gives back
    /// how many refreshes were acknowledged.
    pub(super) async fn until(&mut self, url: &str, death: impl Future<Output = ()>) -> usize {
        let (people, dead, writes) = (&mut self.people, &self.dead, &self.writes);
        let load = join_all(people.iter_mut().map(|known| known.refresh_until(url, dead, writes)));
        let death = async {
            for _ in 0..1_000 {
                if *writes.lock().unwrap() >= PEOPLE {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            death.await;
            dead.store(true, Ordering::SeqCst);
        };
        futures::join!(load, death);
        *writes.lock().unwrap()
    }

    /// Everything that was acknowledged is there, and nothing that was used or ended is alive.
    pub(super) async fn check(&self, home: &Home, binary: &Binary) {
        let listed = command_of(home, &["account", "list", "--output", "json"], "");
        let listed = String::from_utf8(listed.stdout).unwrap();
        for known in &self.people {
            assert!(listed.contains(&known.address), "an acknowledged sign-up is lost");
        }
        assert!(!self.people[0].is_active(binary).await, "an acknowledged revocation is lost");
        for known in &self.people {
            known.check(binary).await;
        }
    }
}

impl Known {
    /// Keeps what was acknowledged; stops at the first answer that is none.
    async fn refresh_until(&mut self, url: &str, dead: &AtomicBool, writes: &Mutex<usize>) {
        let client = client();
        while !dead.load(Ordering::SeqCst) {
            let call = Call::new(&client, "POST", &format!("{url}/v1/sessions/refresh"));
            let call = call.binding(&self.binding).json(&json!({"refresh_token": self.newest}));
            let Some(answer) = call.try_send().await else { return };
            if self.used.is_some() || answer.status == 200 {
                assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
            }
            let Json::String(newest) = &answer.json["refresh_token"] else { return };
            self.used = Some(std::mem::replace(&mut self.newest, newest.clone()));
            *writes.lock().unwrap() += 1;
        }
    }

    async fn is_active(&self, binary: &Binary) -> bool {
        let body = json!({"access_token": self.access, "binding": self.binding});
        let answer = binary.call("POST", "/v1/sessions/verify").json(&body).send().await.expect(200);
        answer.json["active"] == true
    }

    async fn check(&self, binary: &Binary) {
        let refresh = async |token: &str| {
            let call = binary.call("POST", "/v1/sessions/refresh").binding(&self.binding);
            call.json(&json!({"refresh_token": token})).send().await.status
        };
        let (token, binding, code) = &self.sign_up;
        let again = binary.call("POST", "/v1/sign-up/verify").bearer(token).binding(binding);
        again.json(&json!({"code": code})).send().await.expect(410);
        // The last answer may have been lost with a rotation behind it; then showing its token again is a reuse, and
        // the session ends. A token that an acknowledged rotation has used is never accepted.
        let newest = refresh(&self.newest).await;
        assert!(matches!(newest, 200 | 401), "{newest}");
        if let Some(used) = &self.used {
            assert_eq!(refresh(used).await, 401, "a used token came alive again");
        }
    }
}
