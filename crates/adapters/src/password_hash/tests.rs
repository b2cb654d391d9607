//! What the pool promises: the scheme, the queue, and that nobody is hashed for in vain.

use std::{
    sync::mpsc::{Sender, channel},
    task::{Context, Poll, Waker},
};

use symbolon_domain::secret::SecretString;

use super::*;
use crate::system::SystemEntropy;

/// The parameters of C6, on one thread, with room for two more.
const CONFIG: PasswordHashConfig =
    PasswordHashConfig { memory_kib: 19_456, iterations: 2, parallelism: 1, threads: 1, queue: 2 };
/// Cheap, for tests that look at something else.
const CHEAP: PasswordHashConfig = PasswordHashConfig { memory_kib: 64, iterations: 1, ..CONFIG };

fn pool(config: PasswordHashConfig) -> PasswordHashPool {
    PasswordHashPool::new(config, Arc::new(SystemEntropy::new())).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(&SecretString::from(text)).unwrap()
}

/// Occupies the pool's only thread until the sender is dropped.
fn occupy(pool: &PasswordHashPool) -> Sender<()> {
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let gate = pool.pool.submit(move |_| {
        started.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    });
    // The answer must stay wanted until the thread has begun.
    let _answer = gate.unwrap();
    has_started.recv().unwrap();
    release
}

/// Polls once: the work is in the queue, and nobody has answered yet.
fn begin<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// C6, S13: scheme and parameters stand in the hash, and no two salts are the same.
#[tokio::test]
async fn parameters_are_in_the_phc_string() {
    let pool = pool(CONFIG);
    let one = pool.hash(&password("correct horse")).await.unwrap();
    assert!(one.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_phc());
    assert_ne!(one, pool.hash(&password("correct horse")).await.unwrap());
    assert_eq!(pool.verify(&password("correct horse"), &one).await.unwrap(), PasswordVerdict::Right);
    assert_eq!(pool.verify(&password("Correct horse"), &one).await.unwrap(), PasswordVerdict::Wrong);
}

/// C3: two passwords that differ only at byte 73 are different.
#[tokio::test]
async fn nothing_is_cut_off() {
    let pool = pool(CHEAP);
    let (one, two) = (format!("{}x", "a".repeat(72)), format!("{}y", "a".repeat(72)));
    let hash = pool.hash(&password(&one)).await.unwrap();
    assert_eq!(pool.verify(&password(&two), &hash).await.unwrap(), PasswordVerdict::Wrong);
    assert_eq!(pool.verify(&password(&one), &hash).await.unwrap(), PasswordVerdict::Right);
}

/// C2, C3: 256 characters of any script count to the last one.
#[tokio::test]
async fn long_passwords_of_any_script_are_hashed_whole() {
    let pool = pool(CHEAP);
    let long = "🔑 ключ ".chars().cycle().take(255).collect::<String>();
    let hash = pool.hash(&password(&format!("{long}é"))).await.unwrap();
    assert_eq!(pool.verify(&password(&format!("{long}è")), &hash).await.unwrap(), PasswordVerdict::Wrong);
    let decomposed = password(&format!("{long}e\u{301}"));
    assert_eq!(pool.verify(&decomposed, &hash).await.unwrap(), PasswordVerdict::Right);
}

/// C6, S13: a hash under weaker parameters is right and outdated; under stronger ones it is right.
#[tokio::test]
async fn weaker_hashes_are_outdated() {
    let middle = PasswordHashConfig { memory_kib: 128, iterations: 2, parallelism: 2, ..CHEAP };
    let pool_now = pool(middle);
    for (config, expected) in [
        (middle, PasswordVerdict::Right),
        (PasswordHashConfig { memory_kib: 256, ..middle }, PasswordVerdict::Right),
        (PasswordHashConfig { iterations: 3, ..middle }, PasswordVerdict::Right),
        (PasswordHashConfig { memory_kib: 127, ..middle }, PasswordVerdict::RightButOutdated),
        (PasswordHashConfig { iterations: 1, ..middle }, PasswordVerdict::RightButOutdated),
        (PasswordHashConfig { parallelism: 1, ..middle }, PasswordVerdict::RightButOutdated),
    ] {
        let stored = pool(config).hash(&password("correct horse")).await.unwrap();
        let verdict = pool_now.verify(&password("correct horse"), &stored).await.unwrap();
        assert_eq!(verdict, expected, "{config:?}");
        let wrong = pool_now.verify(&password("battery staple"), &stored).await.unwrap();
        assert_eq!(wrong, PasswordVerdict::Wrong, "{config:?}");
    }
}

/// S13: the reference implementation's own hash is understood, and its short salt is outdated.
#[tokio::test]
async fn hashes_of_other_programs_are_understood() {
    let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let stored = PasswordHash::from_phc(stored.to_owned());
    let verdict = pool(CHEAP).verify(&password("password"), &stored).await.unwrap();
    assert_eq!(verdict, PasswordVerdict::RightButOutdated);
}

/// C65: what cannot be read is a failure, neither right nor wrong, and costs no hash.
#[tokio::test]
async fn unreadable_hashes_fail() {
    let pool = pool(CHEAP);
    let tail = "c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for stored in [
        "",
        "secret",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA",
        &format!("$argon2i$v=19$m=64,t=1,p=1${tail}"),
        &format!("$argon2id$v=18$m=64,t=1,p=1${tail}"),
        &format!("$argon2id$v=19$m=1048577,t=1,p=1${tail}"),
        &format!("$argon2id$v=19$m=64,t=101,p=1${tail}"),
        &format!("$argon2id$v=19$m=4096,t=1,p=17${tail}"),
        &format!("$argon2id$v=19$m=4294967295,t=4294967295,p=1${tail}"),
        &format!("$argon2id$v=19$m=4,t=1,p=1${tail}"),
    ] {
        let result = pool.verify(&password("password"), &PasswordHash::from_phc(stored.to_owned())).await;
        assert!(matches!(result, Err(HashError::Failed(_))), "{stored}: {result:?}");
    }
    assert_eq!(pool.hashes_computed(), 0);
}

/// C9: verifying a password and verifying nothing compute one hash each.
#[tokio::test]
async fn nothing_costs_as_much_as_something() {
    let pool = pool(CHEAP);
    let stored = pool.hash(&password("correct horse")).await.unwrap();
    assert_eq!(pool.hashes_computed(), 1);
    pool.verify(&password("battery staple"), &stored).await.unwrap();
    assert_eq!(pool.hashes_computed(), 2);
    pool.verify_nothing(&password("battery staple")).await.unwrap();
    assert_eq!(pool.hashes_computed(), 3);
}

/// C6, X11: with the thread busy and the queue full, the next one is refused at once, and the others are served.
#[tokio::test]
async fn a_full_queue_refuses() {
    let pool = pool(CHEAP);
    let release = occupy(&pool);
    let word = password("correct horse");
    let (mut one, mut two) = (pool.hash(&word), pool.verify_nothing(&word));
    assert!(begin(&mut one).is_pending() && begin(&mut two).is_pending());
    assert_eq!(pool.queue_depth(), 2);
    let mut three = pool.hash(&word);
    assert!(matches!(begin(&mut three), Poll::Ready(Err(HashError::Busy))));
    assert!(matches!(pool.strength(&word, &[]).await, Err(HashError::Busy)));
    drop(release);
    assert!(one.await.is_ok() && two.await.is_ok());
    assert_eq!((pool.hashes_computed(), pool.queue_depth()), (2, 0));
}

/// X11: a caller who has gone away before their turn is not hashed for.
#[tokio::test]
async fn gone_callers_are_not_hashed_for() {
    let pool = pool(CHEAP);
    let release = occupy(&pool);
    let word = password("correct horse");
    let (mut gone, mut stays) = (pool.hash(&word), pool.hash(&word));
    assert!(begin(&mut gone).is_pending() && begin(&mut stays).is_pending());
    drop(gone);
    drop(release);
    assert!(stays.await.is_ok());
    assert_eq!(pool.hashes_computed(), 1);
}

/// X11: those who have gone away make room in a full queue.
#[tokio::test]
async fn gone_callers_make_room() {
    let pool = pool(CHEAP);
    let release = occupy(&pool);
    let word = password("correct horse");
    for _ in 0..2 {
        assert!(begin(&mut pool.hash(&word)).is_pending());
    }
    let mut stays = pool.hash(&word);
    assert!(begin(&mut stays).is_pending());
    assert_eq!(pool.queue_depth(), 1);
    drop(release);
    assert!(stays.await.is_ok());
    assert_eq!(pool.hashes_computed(), 1);
}

/// C6: there are never more threads than processor cores, and never none.
#[test]
fn threads_follow_the_cores() {
    let cores = std::thread::available_parallelism().unwrap().get();
    for (asked, given) in [(0, cores), (1, 1), (cores + 7, cores)] {
        assert_eq!(pool(PasswordHashConfig { threads: asked, ..CHEAP }).threads(), given);
    }
}

#[test]
fn impossible_parameters_are_refused() {
    for config in [
        PasswordHashConfig { memory_kib: 7, ..CHEAP },
        PasswordHashConfig { iterations: 0, ..CHEAP },
        PasswordHashConfig { parallelism: 0, ..CHEAP },
        PasswordHashConfig { memory_kib: 2_000_000, ..CHEAP },
    ] {
        let refused = PasswordHashPool::new(config, Arc::new(SystemEntropy::new()));
        assert!(matches!(refused, Err(PasswordHashPoolError::Parameters { .. })), "{config:?}");
    }
}

/// X11: hashing gives way to everything else.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hash_threads_have_the_lowest_priority() {
    let pool = pool(CHEAP);
    let priority = |thread| rustix::process::getpriority_process(Some(thread)).unwrap();
    let of_pool = pool.run(move |_| Ok(priority(rustix::thread::gettid()))).await.unwrap();
    assert_eq!(of_pool, 19);
    assert_ne!(priority(rustix::thread::gettid()), 19);
}

#[tokio::test]
async fn a_thread_outlives_a_task_that_panics() {
    let pool = pool(CHEAP);
    let failed = pool.run::<()>(|_| panic!("on purpose")).await;
    assert!(matches!(failed, Err(HashError::Failed(_))));
    assert!(pool.hash(&password("correct horse")).await.is_ok());
}

#[tokio::test]
async fn who_waits_when_the_pool_ends_is_told() {
    let pool = pool(CHEAP);
    let release = occupy(&pool);
    let waiting = pool.pool.submit(|_| Ok(())).unwrap();
    pool.pool.close();
    drop(release);
    drop(pool);
    assert!(waiting.await.is_err());
}

/// C5: patterns are easy to guess, and so is what is known of the person.
#[tokio::test]
async fn strength_is_that_of_zxcvbn() {
    let pool = pool(CHEAP);
    for (text, hints, expected) in [
        ("abcdefgh", &[][..], 0..=1),
        ("ada.lovelace1815", &["ada.lovelace1815".to_owned()], 0..=1),
        ("quartz-bathtub-nimbus", &[], 3..=4),
    ] {
        let strength = pool.strength(&password(text), hints).await.unwrap();
        assert!(expected.contains(&strength), "{text}: {strength}");
    }
    assert_eq!(pool.hashes_computed(), 0);
}
