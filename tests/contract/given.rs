//! What the suites start from: moments, ids, and commands with ordinary values, to be changed where a test is about
//! something else.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use symbolon_domain::{
    audit::{Act, AuditEvent, AuditFilter},
    clock::Timestamp,
    effects::Effects,
    entropy::{Entropy, random_bytes},
    id::{AccountId, CeremonyId, IdentifierId, MessageId, RefreshTokenId, SessionId},
    identifiers::EmailAddress,
    one_time_codes::{AttemptLimits, MatchedCode, NewCode, ReplaceCode, SlotLimit, SlotOwner},
    outbox::{MessageKind, MessageSummary, NewMessage},
    page::PageRequest,
    passwords::PasswordHash,
    sealing::SealedBytes,
    secret::SecretHash,
    sessions::{AuthenticationMethod, NewRefreshToken, NewSession},
    sign_in::{CompleteSignIn, NewSignIn},
    sign_up::{CompleteSignUp, NewSignUp},
};
use tokio::sync::Barrier;

use super::Stores;

/// The smallest step of time.
pub(crate) const MICROSECOND: Duration = Duration::from_micros(1);
/// So many contenders the races have.
pub(crate) const MANY: usize = 50;
/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// The life of a code.
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(300);
/// A code is sent again no sooner than this.
pub(crate) const RESEND_INTERVAL: Duration = Duration::from_secs(30);
/// The window of sign-ups and of resends.
pub(crate) const WINDOW: Duration = Duration::from_secs(900);
/// What a guess may cost (S5).
pub(crate) const LIMITS: AttemptLimits =
    AttemptLimits { attempts: 5, account_failures: 20, account_window: DAY };

/// Bytes that never come twice, and are the same in every run.
pub(crate) struct Drawn;

impl Entropy for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        for chunk in bytes.chunks_mut(8) {
            let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.iter_mut().zip((number ^ (number >> 29)).to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
}

/// So many seconds after the test began.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000) + Duration::from_secs(seconds)
}

pub(crate) fn email(address: &str) -> EmailAddress {
    address.parse().unwrap()
}

pub(crate) fn hash() -> SecretHash {
    SecretHash::from_bytes(random_bytes(&Drawn))
}

pub(crate) fn phc(password: &str) -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${password}"))
}

/// Slots of this kind that belong to nobody else.
pub(crate) fn owner(kind: &'static str) -> SlotOwner {
    SlotOwner::new(kind, hash())
}

pub(crate) fn event(act: Act, now: Timestamp) -> AuditEvent {
    AuditEvent::by_system(act, now, &Drawn)
}

pub(crate) fn message(now: Timestamp) -> NewMessage {
    NewMessage {
        id: MessageId::new(now, &Drawn),
        kind: MessageKind::SignInCode,
        content: SealedBytes::new(random_bytes::<40>(&Drawn).to_vec()),
        created_at: now,
        expires_at: now + CODE_LIFE,
    }
}

/// An event and a message.
pub(crate) fn effects(act: Act, now: Timestamp) -> Effects {
    Effects::event_and_message(event(act, now), message(now))
}

pub(crate) fn new_code(now: Timestamp) -> NewCode {
    NewCode { salt: random_bytes(&Drawn), hash: hash(), issued_at: now, expires_at: now + CODE_LIFE }
}

/// A right guess at this code, paid from this slot.
pub(crate) fn matched(code: &NewCode, budget_slot: u32) -> MatchedCode {
    MatchedCode { hash: code.hash, budget_slot }
}

pub(crate) fn new_sign_up(address: &str, now: Timestamp) -> NewSignUp {
    NewSignUp {
        id: CeremonyId::new(now, &Drawn),
        address: email(address),
        name: None,
        password: phc(address),
        decoy: false,
        created_at: now,
        expires_at: now + Duration::from_secs(3_600),
        code: new_code(now),
        failures_of: owner(SlotOwner::CODE_FAILURES),
        limit: SlotLimit { owner: owner(SlotOwner::SIGN_UPS), slots: 10, window: WINDOW },
        effects: effects(Act::SIGN_UP_STARTED, now),
    }
}

pub(crate) fn new_refresh_token(now: Timestamp) -> NewRefreshToken {
    NewRefreshToken { id: RefreshTokenId::new(now, &Drawn), hash: hash(), expires_at: now + 15 * DAY }
}

pub(crate) fn new_session(now: Timestamp) -> NewSession {
    NewSession {
        id: SessionId::new(now, &Drawn),
        binding: hash(),
        methods: vec![
            AuthenticationMethod::Password,
            AuthenticationMethod::OneTimeCode,
            AuthenticationMethod::MultipleFactors,
        ],
        created_at: now,
        expires_at: now + 90 * DAY,
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some("Mozilla/5.0".to_owned()),
        refresh_token: new_refresh_token(now),
    }
}

/// Completes this sign-up with its own code, as if its guess had been paid from slot 0.
pub(crate) fn completion(begun: &NewSignUp, now: Timestamp) -> CompleteSignUp {
    CompleteSignUp {
        id: begun.id,
        code: matched(&begun.code, 0),
        failures_of: begun.failures_of,
        throttle: hash(),
        account_id: AccountId::new(now, &Drawn),
        identifier_id: IdentifierId::new(now, &Drawn),
        session: new_session(now),
        now,
        effects: Effects::event(event(Act::SIGN_UP_COMPLETED, now)),
    }
}

pub(crate) fn new_sign_in(account: AccountId, now: Timestamp) -> NewSignIn {
    NewSignIn {
        id: CeremonyId::new(now, &Drawn),
        account_id: account,
        password_changes: 0,
        throttle: hash(),
        rehashed: None,
        created_at: now,
        expires_at: now + Duration::from_secs(600),
        code: new_code(now),
        failures_of: owner(SlotOwner::CODE_FAILURES),
        effects: effects(Act::SIGN_IN_STARTED, now),
    }
}

/// Completes this sign-in with its own code, as if its guess had been paid from slot 0.
pub(crate) fn sign_in_completion(begun: &NewSignIn, now: Timestamp) -> CompleteSignIn {
    CompleteSignIn {
        id: begun.id,
        account_id: begun.account_id,
        code: matched(&begun.code, 0),
        failures_of: begun.failures_of,
        session: new_session(now),
        now,
        effects: Effects::event(event(Act::SIGN_IN_COMPLETED, now)),
    }
}

/// A resend with slots that belong to nobody else.
pub(crate) fn resend(ceremony: CeremonyId, now: Timestamp) -> ReplaceCode {
    ReplaceCode {
        ceremony,
        code: new_code(now),
        interval: RESEND_INTERVAL,
        limit: SlotLimit { owner: owner(SlotOwner::CODE_RESENDS), slots: 5, window: WINDOW },
        attempts: LIMITS.attempts,
        now,
        effects: effects(Act::CODE_SENT, now),
    }
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) id: AccountId,
    pub(crate) address: EmailAddress,
    /// The session that came with the account.
    pub(crate) session: NewSession,
}

/// Signs somebody up.
pub(crate) async fn person(stores: &Stores, address: &str, now: Timestamp) -> Person {
    let begun = new_sign_up(address, now);
    stores.sign_ups.begin(begun.clone()).await.unwrap();
    let completion = completion(&begun, now);
    stores.sign_ups.complete(completion.clone()).await.unwrap();
    Person { id: completion.account_id, address: begun.address, session: completion.session }
}

/// Signs somebody in who has an account.
pub(crate) async fn sign_in(stores: &Stores, person: &Person, now: Timestamp) -> NewSession {
    let begun = new_sign_in(person.id, now);
    stores.sign_ins.begin(begun.clone()).await.unwrap();
    let completion = sign_in_completion(&begun, now);
    stores.sign_ins.complete(completion.clone()).await.unwrap();
    completion.session
}

/// Every event, newest first.
pub(crate) async fn events(stores: &Stores) -> Vec<AuditEvent> {
    stores.audit.list(&AuditFilter::default(), everything()).await.unwrap().items
}

/// The events of one kind, newest first.
pub(crate) async fn events_of(stores: &Stores, act: Act) -> Vec<AuditEvent> {
    events(stores).await.into_iter().filter(|event| event.act == act).collect()
}

/// Every message, newest first.
pub(crate) async fn messages(stores: &Stores) -> Vec<MessageSummary> {
    stores.outbox.list(everything()).await.unwrap().items
}

/// How many events and messages there are: a command that wrote nothing leaves both.
pub(crate) async fn written(stores: &Stores) -> (usize, usize) {
    (events(stores).await.len(), messages(stores).await.len())
}

/// A page that is larger than any list of a test.
pub(crate) fn everything() -> PageRequest {
    PageRequest::new(PageRequest::MAX_LIMIT, None)
}

/// Runs these at once and gives back what became of each.
pub(crate) async fn race<F>(contenders: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let contenders: Vec<F> = contenders.into_iter().collect();
    let start = Arc::new(Barrier::new(contenders.len()));
    let started: Vec<_> = contenders
        .into_iter()
        .map(|contender| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                contender.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(started.len());
    for contender in started {
        outcomes.push(contender.await.unwrap());
    }
    outcomes
}

/// How many of these are so.
pub(crate) fn count<T>(outcomes: &[T], is_so: impl Fn(&T) -> bool) -> usize {
    outcomes.iter().filter(|outcome| is_so(outcome)).count()
}
