//! What a connection is doing, in a few atomics that a request touches and a watch looks at now and then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::settings::ServeSettings;

/// During a stop an idle connection is closed after this: a client that was about to send gets an answer that says
/// `Connection: close`, and not a closed door.
const IDLE_AT_STOP: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Default)]
pub(super) struct Activity {
    /// Requests in the hands of the router.
    running: AtomicUsize,
    /// Requests there have been.
    requests: AtomicUsize,
    /// Bytes have come since the last request was answered.
    reading: AtomicBool,
    /// The connection speaks HTTP/2, where bytes may come without being a request.
    http2: AtomicBool,
    /// The last answer was a refusal, which its client may still be too busy sending to read.
    refused: AtomicBool,
    stopping: AtomicBool,
}

/// A request in the hands of the router.
pub(super) struct Running(Arc<Activity>);

impl Activity {
    /// A request has come in whole, but for its body.
    pub(super) fn begin(self: &Arc<Self>, is_http1: bool) -> Running {
        self.http2.store(!is_http1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.running.fetch_add(1, Relaxed);
        Running(Arc::clone(self))
    }

    /// Bytes have come in.
    pub(super) fn bytes_came(&self) {
        if !self.is_busy() {
            self.reading.store(true, Relaxed);
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.load(Relaxed) > 0
    }

    pub(super) fn set_refused(&self, refused: bool) {
        self.refused.store(refused, Relaxed);
    }

    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    pub(super) fn set_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.reading.store(false, Relaxed);
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Keep,
    /// It has rested long enough.
    Close,
    /// Its client sends too slowly.
    Cut,
}

/// Whether there is room for further connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// There is.
    Plenty,
    /// Nearly every place is taken: who rests makes room, so that nobody can hold all of them by saying nothing.
    Scarce,
}

/// Looks at one connection every so often and counts for how long it has been doing the same.
pub(super) struct Watch {
    header_looks: u32,
    idle_looks: u32,
    stop_looks: u32,
    period: Duration,
    seen: (usize, bool, bool),
    same: u32,
}

impl Watch {
    /// With these limits; a limit is kept to a quarter of the shorter one, never cut short.
    pub(super) fn new(settings: &ServeSettings) -> Self {
        let shortest = settings.header_timeout.min(settings.keep_alive).min(IDLE_AT_STOP);
        let period = (shortest / 4).max(Duration::from_millis(10));
        let looks = |limit: Duration| {
            u32::try_from(limit.as_millis().div_ceil(period.as_millis()))
                .unwrap_or(u32::MAX)
                .saturating_add(1)
        };
        Self {
            header_looks: looks(settings.header_timeout),
            idle_looks: looks(settings.keep_alive),
            stop_looks: looks(IDLE_AT_STOP),
            period,
            seen: (0, false, false),
            same: 0,
        }
    }

    /// How often to look.
    pub(super) const fn period(&self) -> Duration {
        self.period
    }

    /// Looks once.
    pub(super) fn look(&mut self, activity: &Activity, places: Places) -> Verdict {
        let requests = activity.requests.load(Relaxed);
        let reading = activity.reading.load(Relaxed) && !activity.http2.load(Relaxed);
        let now = (requests, reading, activity.is_stopping());
        self.same = if activity.is_busy() || now != self.seen { 0 } else { self.same.saturating_add(1) };
        self.seen = now;
        // A client that connects and says nothing has no more time than one that says half a header.
        let hurry = places == Places::Scarce;
        let (limit, verdict) = if requests == 0 && hurry {
            (self.stop_looks, Verdict::Cut)
        } else if reading || requests == 0 {
            (self.header_looks, Verdict::Cut)
        } else if activity.is_stopping() || hurry {
            (self.stop_looks, Verdict::Close)
        } else {
            (self.idle_looks, Verdict::Close)
        };
        if self.same >= limit.saturating_add(self.idle_looks) {
            // Even its answer is not being read.
            Verdict::Cut
        } else if self.same >= limit {
            verdict
        } else {
            Verdict::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_in(places: Places, verdict: Verdict, watch: &mut Watch, activity: &Activity) -> Duration {
        let mut looks = 0;
        while watch.look(activity, places) == Verdict::Keep {
            looks += 1;
            assert!(looks < 10_000, "never {verdict:?}");
        }
        assert_eq!(watch.look(activity, places), verdict);
        watch.period() * looks
    }

    fn looks_until(verdict: Verdict, watch: &mut Watch, activity: &Activity) -> Duration {
        looks_in(Places::Plenty, verdict, watch, activity)
    }

    fn near(measured: Duration, expected: u64) {
        let expected = Duration::from_secs(expected);
        assert!(measured >= expected && measured <= expected + Duration::from_secs(1), "{measured:?}");
    }

    /// X10: a header has 5 seconds, an idle connection 60, and a request under way as long as it takes.
    #[test]
    fn each_state_has_its_own_limit() {
        let activity = Arc::new(Activity::default());
        let mut watch = Watch::new(&ServeSettings::default());
        near(looks_until(Verdict::Cut, &mut watch, &activity), 5);

        let running = activity.begin(true);
        assert!((0..10_000).all(|_| watch.look(&activity, Places::Scarce) == Verdict::Keep));
        drop(running);
        near(looks_until(Verdict::Close, &mut watch, &activity), 60);

        activity.bytes_came();
        near(looks_until(Verdict::Cut, &mut watch, &activity), 5);
    }

    /// X10: where places are scarce, who rests or says nothing makes room; who is sending keeps the time for it.
    #[test]
    fn who_rests_makes_room() {
        let mut watch = Watch::new(&ServeSettings::default());
        let activity = Arc::new(Activity::default());
        near(looks_in(Places::Scarce, Verdict::Cut, &mut watch, &activity), 1);
        drop(activity.begin(true));
        near(looks_in(Places::Scarce, Verdict::Close, &mut watch, &activity), 1);
        activity.bytes_came();
        near(looks_in(Places::Scarce, Verdict::Cut, &mut watch, &activity), 5);
    }

    /// X2: during a stop an idle connection goes soon, but not at once.
    #[test]
    fn a_stop_shortens_the_rest() {
        let activity = Arc::new(Activity::default());
        let mut watch = Watch::new(&ServeSettings::default());
        drop(activity.begin(true));
        activity.set_stopping();
        near(looks_until(Verdict::Close, &mut watch, &activity), 1);
    }
}
