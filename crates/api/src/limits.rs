//! How often one source address may call (G9). Counted on this node alone, in bounded memory.
//!
//! What gateways ask about their own requests (`GET /v1/forward-auth`, from a trusted proxy) is not counted at all: see
//! [`is_gateways_question`](crate::authorizer::is_gateways_question).
//!
//! Limits that must hold over all nodes, such as the number of guesses at a code, are the domain's.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use symbolon_domain::clock::Clock;

use crate::{
    problem::{Problem, ProblemType, Retry, whole_seconds},
    settings::RateLimits,
};

/// Sources are looked through for forgettable ones after so many requests.
const SWEEP_EVERY: usize = 1_024;
/// With more sources than this in one group, its counts begin anew: so many are an attack that counting per source
/// does not stop, and memory has an end.
const MOST_SOURCES: usize = 100_000;

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DomainClock, NoOpMiddleware<Duration>>;

/// What is limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    SignUp,
    SignIn,
    Recovery,
    Codes,
    Verify,
    Other,
}

/// The limits of every group; none where they are off.
pub(crate) struct Limits(Option<Groups>);

struct Groups {
    sign_up: Counted,
    sign_in: Counted,
    recovery: Counted,
    codes: Counted,
    verify: Counted,
    other: Counted,
}

/// One group's limiter.
struct Counted {
    quota: Quota,
    clock: DomainClock,
    limiter: RwLock<Limiter>,
    requests: AtomicUsize,
}

impl Group {
    /// The group of a route.
    fn of(route: &str) -> Self {
        match route {
            "/v1/sign-up" => Self::SignUp,
            "/v1/sign-in" => Self::SignIn,
            "/v1/recovery" => Self::Recovery,
            "/v1/sign-up/verify"
            | "/v1/sign-in/code"
            | "/v1/sign-in/challenge"
            | "/v1/recovery/verify"
            | "/v1/invitations/redeem"
            | "/v1/token-requests"
            | "/v1/token-requests/{id}" => Self::Codes,
            "/v1/sessions/verify"
            | "/v1/api-keys/verify"
            | "/v1/device-tokens/verify"
            | "/v1/device-tokens/exchange"
            | "/oauth2/token" => Self::Verify,
            _ => Self::Other,
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From its peer itself.
    Direct(IpAddr),
    /// Through a proxy: then nobody is local, whatever the proxy passes on.
    Forwarded(IpAddr),
}

impl Limits {
    /// As many requests a minute as the settings say, counted by this clock.
    pub(crate) fn new(settings: Option<&RateLimits>, clock: &Arc<dyn Clock>) -> Self {
        Self(settings.map(|settings| Groups {
            sign_up: Counted::new(settings.sign_up, clock),
            sign_in: Counted::new(settings.sign_in, clock),
            recovery: Counted::new(settings.recovery, clock),
            codes: Counted::new(settings.codes, clock),
            verify: Counted::new(settings.verify, clock),
            other: Counted::new(settings.other, clock),
        }))
    }

    /// Counts a request to this route from this source, or refuses it. Who calls from loopback itself, and requests
    /// without a source (inside one process), are exempt.
    pub(crate) fn check(&self, route: &str, source: Option<Source>) -> Result<(), Problem> {
        let (Some(groups), Some(source)) = (&self.0, source) else { return Ok(()) };
        let source = match source {
            Source::Direct(address) if address.is_loopback() => return Ok(()),
            Source::Direct(address) | Source::Forwarded(address) => address,
        };
        let counted = match Group::of(route) {
            Group::SignUp => &groups.sign_up,
            Group::SignIn => &groups.sign_in,
            Group::Recovery => &groups.recovery,
            Group::Codes => &groups.codes,
            Group::Verify => &groups.verify,
            Group::Other => &groups.other,
        };
        counted.check(subscriber(source))
    }
}

impl Counted {
    fn new(per_minute: u32, clock: &Arc<dyn Clock>) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let clock = DomainClock(Arc::clone(clock));
        let limiter = RwLock::new(limiter(quota, &clock));
        Self { quota, clock, limiter, requests: AtomicUsize::new(0) }
    }

    fn check(&self, source: IpAddr) -> Result<(), Problem> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.sweep();
        }
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        limiter.check_key(&source).map_err(|refused| {
            let wait = refused.wait_time_from(governor::clock::Clock::now(&self.clock));
            Problem::new(ProblemType::TooManyRequests).retry(Retry::After(whole_seconds(wait)))
        })
    }

    fn sweep(&self) {
        let counted = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        counted.retain_recent();
        let too_many = counted.len() > MOST_SOURCES;
        drop(counted);
        if too_many {
            tracing::warn!("more sources than can be counted: rate limits begin anew");
            *self.limiter.write().unwrap_or_else(PoisonError::into_inner) = limiter(self.quota, &self.clock);
        }
    }
}

fn limiter(quota: Quota, clock: &DomainClock) -> Limiter {
    RateLimiter::new(quota, DashMapStateStore::default(), clock.clone())
}

/// What one subscriber holds: an IPv4 address, or the /64 network of an IPv6 one.
fn subscriber(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

/// The domain's clock, as the limiter wants it.
#[derive(Clone)]
struct DomainClock(Arc<dyn Clock>);

impl governor::clock::Clock for DomainClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.now().micros()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use symbolon_domain::clock::Timestamp;

    use super::*;

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(self.0.load(Ordering::Relaxed))
        }
    }

    fn limits() -> (Arc<Hands>, Limits) {
        let hands = Arc::new(Hands(AtomicI64::new(1_000_000)));
        let clock: Arc<dyn Clock> = Arc::<Hands>::clone(&hands);
        (hands, Limits::new(Some(&RateLimits::default()), &clock))
    }

    fn passes(limits: &Limits, route: &str, source: &str) -> bool {
        limits.check(route, Some(Source::Direct(source.parse().unwrap()))).is_ok()
    }

    /// G9: a proxy that passes on what its client made up makes nobody local.
    #[test]
    fn a_forwarded_loopback_address_is_not_exempt() {
        let (_, limits) = limits();
        let source = Some(Source::Forwarded("127.0.0.1".parse().unwrap()));
        assert_eq!((0..100).filter(|_| limits.check("/v1/sign-in", source).is_ok()).count(), 30);
    }

    /// G9: 30 sign-ins a minute and source; other groups and sources go on.
    #[test]
    fn a_source_that_calls_too_often_waits() {
        let (hands, limits) = limits();
        for _ in 0..30 {
            assert!(passes(&limits, "/v1/sign-in", "203.0.113.9"));
        }
        assert!(!passes(&limits, "/v1/sign-in", "203.0.113.9"));
        assert!(passes(&limits, "/v1/sign-in/code", "203.0.113.9"));
        for _ in 0..30 {
            assert!(passes(&limits, "/v1/recovery", "203.0.113.9"));
        }
        assert!(!passes(&limits, "/v1/recovery", "203.0.113.9"));
        assert!(passes(&limits, "/v1/recovery/verify", "203.0.113.9"));
        assert!(passes(&limits, "/v1/sign-in", "203.0.113.10"));
        hands.0.fetch_add(2, Ordering::Relaxed);
        assert!(passes(&limits, "/v1/sign-in", "203.0.113.9"));
        assert!(!passes(&limits, "/v1/sign-in", "203.0.113.9"));
    }

    /// G9: loopback callers are exempt.
    #[test]
    fn loopback_is_never_refused() {
        let (_, limits) = limits();
        assert!(
            (0..1_000).all(|_| passes(&limits, "/v1/sign-in", "127.0.0.1") && passes(&limits, "/", "::1"))
        );
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_source() {
        let (_, limits) = limits();
        assert_eq!(
            (0..100).filter(|n| passes(&limits, "/v1/sign-up", &format!("2001:db8::{n:x}"))).count(),
            30
        );
    }
}
