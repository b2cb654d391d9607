//! Which events are asked for, and how a store finds them: newest first, looking at so many and no more.

use super::{Act, AuditEvent, Outcome, Subject};
use crate::{
    actor::Actor,
    clock::Timestamp,
    id::{AccountId, first_at},
    page::{Cursor, Page, PageRequest},
};

/// A millisecond: ids are no finer.
const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// What events must have; nothing that is not named matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// This account did it, or it was done to this account.
    pub account: Option<AccountId>,
    /// This was done or tried.
    pub act: Option<Act>,
    /// It ended so.
    pub outcome: Option<Outcome>,
    /// Then or later.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// The ids that a store looks at, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRange {
    /// From this id on.
    pub from: [u8; 16],
    /// Up to this id, which is not among them; none where the newest are.
    pub before: Option<[u8; 16]>,
    /// So many are judged. The store reads one more, to see whether there are others.
    pub most: usize,
}

impl AuditFilter {
    /// Is it one of the events that are asked for?
    #[must_use]
    pub fn matches(&self, event: &AuditEvent) -> bool {
        self.account.is_none_or(|account| {
            event.actor == Actor::Account(account) || event.subject == Some(Subject::from(account))
        }) && self.act.as_ref().is_none_or(|act| event.act == *act)
            && self.outcome.is_none_or(|outcome| event.outcome == outcome)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }

    /// What a store looks at for this page. Ids sort by time, so that a time needs no index; who and what is looked for
    /// among `most_scanned` at the most, and such a page may come back short, or empty, and go on.
    #[must_use]
    pub fn range(&self, page: PageRequest, most_scanned: usize) -> AuditRange {
        let asks_for_time_only = self.account.is_none() && self.act.is_none() && self.outcome.is_none();
        let until = self.until.map(|until| first_at(until + MILLISECOND));
        let before = match (page.after.map(|cursor| *cursor.id()), until) {
            (Some(after), Some(until)) => Some(after.min(until)),
            (after, until) => after.or(until),
        };
        AuditRange {
            from: self.since.map_or([0; 16], first_at),
            before,
            most: if asks_for_time_only { page.limit() } else { most_scanned.max(page.limit()) },
        }
    }

    /// The page out of what was read of a range.
    #[must_use]
    pub fn page_of(&self, rows: Vec<AuditEvent>, range: &AuditRange, page: PageRequest) -> Page<AuditEvent> {
        let read = rows.len();
        let mut items = Vec::new();
        let mut last = None;
        for (number, event) in rows.into_iter().take(range.most).enumerate() {
            let is_last = number + 1 == read;
            last = (!is_last).then(|| Cursor::after(event.id.as_bytes()));
            if self.matches(&event) {
                items.push(event);
            }
            if items.len() == page.limit() {
                break;
            }
        }
        Page { items, next: last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::Entropy, id::AuditEventId};

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn event(micros: i64, act: Act) -> AuditEvent {
        AuditEvent::by_system(act, Timestamp::from_micros(micros), &Zeros)
    }

    /// So many events a second apart, the newest first; every third is a resend.
    fn log(events: i64) -> Vec<AuditEvent> {
        let act = |number| if number % 3 == 0 { Act::CODE_SENT } else { Act::CODE_JUDGED };
        (0..events).rev().map(|number| event(number * 1_000_000, act(number))).collect()
    }

    /// Page after page, as a store reads it.
    fn pages(filter: &AuditFilter, log: &[AuditEvent], limit: usize, most_scanned: usize) -> Vec<Vec<i64>> {
        let mut pages = Vec::new();
        let mut request = PageRequest::new(limit, None);
        loop {
            let range = filter.range(request, most_scanned);
            let is_in = |id: &AuditEventId| {
                *id.as_bytes() >= range.from && range.before.is_none_or(|before| *id.as_bytes() < before)
            };
            let rows = log.iter().filter(|event| is_in(&event.id)).take(range.most + 1).cloned().collect();
            let page = filter.page_of(rows, &range, request);
            pages.push(page.items.iter().map(|event| event.at.seconds()).collect());
            match page.next {
                Some(_) => request.after = page.next,
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_go_on_until_everything_was_looked_at() {
        let log = log(12);
        assert_eq!(pages(&AuditFilter::default(), &log, 5, 1)[2], [1, 0]);
        let resends = AuditFilter { act: Some(Act::CODE_SENT), ..AuditFilter::default() };
        assert_eq!(pages(&resends, &log, 2, 100), [vec![9, 6], vec![3, 0]]);
        // Short and empty pages say where to go on.
        assert_eq!(pages(&resends, &log, 2, 4), [vec![9], vec![6], vec![3, 0]]);
        let nothing = AuditFilter { act: Some(Act::MESSAGE_DROPPED), ..AuditFilter::default() };
        assert_eq!(pages(&nothing, &log, 2, 5), [vec![], vec![], Vec::<i64>::new()]);
    }

    #[test]
    fn a_time_is_half_open_to_the_microsecond() {
        let log: Vec<_> =
            [1_000_002, 1_000_001, 1_000_000, 999_999].map(|at| event(at, Act::CODE_SENT)).into();
        let at = |micros| Some(Timestamp::from_micros(micros));
        let filter = AuditFilter { since: at(1_000_000), until: at(1_000_002), ..AuditFilter::default() };
        let found: Vec<i64> =
            log.iter().filter(|event| filter.matches(event)).map(|event| event.at.micros()).collect();
        assert_eq!(found, [1_000_001, 1_000_000]);
        let range = filter.range(PageRequest::first(), 1);
        assert!(range.before.is_some_and(|before| before > *log[1].id.as_bytes()));
        assert!(range.from <= *log[2].id.as_bytes());
    }
}
