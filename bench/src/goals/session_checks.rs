//! G-4: is a session token good? One that was seen before, and one that was not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair as _, ParsedPublicKey};
use aws_lc_rs::{rand::SystemRandom, signature::ECDSA_P256_SHA256_FIXED_SIGNING};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use symbolon::wiring::{self, Questions, Surroundings};
use symbolon_domain::signing_keys::{JwtType, TokenKeys};

use crate::failure::{Failure, Outcome};
use crate::http::{Answer, position, write_request};
use crate::load::{CONNECTIONS, Contender, Talk, alone, compare};
use crate::options::Options;
use crate::people::{self, Person};
use crate::raw;
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;

const PATH: &str = "/v1/sessions/verify";
/// More than are asked about in the longest run.
const UNSEEN: usize = 480_000;
const SECONDS: u64 = 4;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let home = Home::on_sqlite()?;
    let service = home.start()?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;

    let tokens: Vec<String> = people.iter().map(|person| person.access_token.clone()).collect();
    let floor = Running::start(Floor::Verify, &tokens)?;
    let mut of_floor = Contender::new(floor.address, people.iter().map(Same::new).collect());
    let mut seen = Contender::new(service.address, people.iter().map(Same::new).collect());
    let (seen, of_floor) = compare(options, SECONDS, &mut seen, &mut of_floor).await?;
    drop(floor);

    let tokens = Arc::new(Box::pin(sign_many(&home, &people, options.count(UNSEEN))).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let unseen = people.iter().map(|_| Unseen {
        tokens: Arc::clone(&tokens),
        people: people.clone().into(),
        next: Arc::clone(&next),
    });
    let checks = signature_checks(options)?;
    let mut unseen = Contender::new(service.address, unseen.collect());
    let unseen = alone(options, SECONDS, &mut unseen).await?;
    Ok(vec![
        Row {
            id: "G-4",
            work: "sessions/verify, token seen before",
            figure: seen.rate,
            unit: Unit::PerSecond,
            detail: seen.detail(),
            reference: Some(Reference {
                name: "verify floor",
                figure: of_floor.rate,
                detail: of_floor.detail(),
            }),
            goal: Goal::Ratio(0.6),
        },
        Row {
            id: "G-4",
            work: "sessions/verify, token not seen",
            figure: unseen.rate,
            unit: Unit::PerSecond,
            detail: unseen.detail(),
            reference: Some(Reference {
                name: "ES256 checks, all cores",
                figure: checks,
                detail: String::new(),
            }),
            goal: Goal::Ratio(0.5),
        },
    ])
}

/// The question about one and the same token.
pub(super) struct Same(Vec<u8>);

impl Same {
    pub(super) fn new(person: &Person) -> Self {
        Self::of(question(&person.access_token, &person.binding))
    }

    /// Any question whose answer says `"active": true`.
    pub(super) const fn of(request: Vec<u8>) -> Self {
        Self(request)
    }

    /// The request.
    pub(super) fn into_request(self) -> Vec<u8> {
        self.0
    }
}

impl Talk for Same {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.0);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        must_be_active(answer)
    }
}

/// The question about another token each time.
struct Unseen {
    tokens: Arc<Vec<String>>,
    people: Arc<[Person]>,
    next: Arc<AtomicUsize>,
}

impl Talk for Unseen {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let person = self.people.get(index % self.people.len().max(1));
        let Some((token, person)) = self.tokens.get(index).zip(person) else { return false };
        out.extend_from_slice(&question(token, &person.binding));
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        must_be_active(answer)
    }
}

/// The request about this token.
pub(super) fn question(token: &str, binding: &str) -> Vec<u8> {
    let mut request = Vec::new();
    let body = json!({"access_token": token, "binding": binding}).to_string();
    write_request(&mut request, "POST", PATH, "", body.as_bytes());
    request
}

/// Does the answer say that the token counts?
pub(super) fn is_active(answer: &Answer<'_>) -> Outcome<bool> {
    Ok(position(answer.expect(200)?, br#""active":true"#).is_some())
}

fn must_be_active(answer: &Answer<'_>) -> Outcome<()> {
    if is_active(answer)? { Ok(()) } else { Err(Failure("a good token does not count".to_owned())) }
}

/// As many tokens, by turns of these people, each with a `jti` of its own, signed by the service's own key: as if each had
/// been refreshed so often.
async fn sign_many(home: &Home, people: &[Person], count: usize) -> Outcome<Vec<String>> {
    let service = wiring::open_existing(&home.settings(), Surroundings::real(), Questions::NoneAsked).await?;
    let claims: Vec<Json> = people.iter().map(claims_of).collect::<Outcome<_>>()?;
    let now = service.clock.now();
    let keys = &*service.tokens;
    let share = count.div_ceil(raw::cores());
    let sign = |index: usize| sign_another(keys, claims.get(index % claims.len().max(1)), index, now);
    let signed = raw::on_threads(0..raw::cores(), |core| {
        let numbers = core * share..((core + 1) * share).min(count);
        numbers.map(&sign).collect::<Outcome<Vec<String>>>()
    });
    service.close().await;
    Ok(signed?.into_iter().flatten().collect())
}

/// What a person's access token says.
pub(super) fn claims_of(person: &Person) -> Outcome<Json> {
    let part = person.access_token.split('.').nth(1).ok_or_else(|| Failure::missing("claims"))?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
}

fn sign_another(
    keys: &dyn TokenKeys,
    claims: Option<&Json>,
    index: usize,
    now: symbolon_domain::clock::Timestamp,
) -> Outcome<String> {
    let mut claims = claims.cloned().ok_or_else(|| Failure::missing("person"))?;
    let id = claims.get("jti").and_then(Json::as_str).and_then(|id| id.get(..24)).unwrap_or_default();
    let id = format!("{id}{index:012x}");
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("jti".to_owned(), id.into());
    }
    Ok(keys.sign(JwtType::Session, claims.to_string().as_bytes(), now)?)
}

/// ES256 signatures that all cores check in a second, the key parsed once.
fn signature_checks(options: &Options) -> Outcome<f64> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let message = [b'x'; 640];
    let signature = pair.sign(&SystemRandom::new(), &message)?;
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())?;
    raw::middle(|| {
        raw::rate(raw::cores(), options.time(3), |_| {
            || {
                key.verify_sig(&message, signature.as_ref())
                    .map_err(|_| Failure("a signature is bad".to_owned()))
            }
        })
    })
}
