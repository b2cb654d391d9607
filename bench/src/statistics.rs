//! Medians and percentiles, by the nearest rank: a figure that is shown was measured.

use std::time::Duration;

/// The middle of the values; of two in the middle the lower one. None of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// How long many things took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    /// In nanoseconds, ascending.
    sorted: Vec<u64>,
}

impl Durations {
    /// The smallest that is not exceeded by this share of all (0 to 1); nothing of nothing.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank: between nothing and the number of values, which is far below 2^52"
        )]
        let rank = (self.sorted.len() as f64 * share).ceil() as usize;
        let index = rank.clamp(1, self.sorted.len().max(1)) - 1;
        Duration::from_nanos(self.sorted.get(index).copied().unwrap_or(0))
    }

    /// The middle.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(0.5)
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.sorted.len()
    }
}

impl FromIterator<Duration> for Durations {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let mut sorted: Vec<u64> = durations.into_iter().map(nanos).collect();
        sorted.sort_unstable();
        Self { sorted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(millis: impl IntoIterator<Item = u64>) -> Durations {
        millis.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.0));
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let hundred = durations((1..=100).rev());
        assert_eq!(hundred.len(), 100);
        assert_eq!(hundred.median(), Duration::from_millis(50));
        assert_eq!(hundred.percentile(0.99), Duration::from_millis(99));
        assert_eq!(hundred.percentile(0.999), Duration::from_millis(100));
        assert_eq!(hundred.percentile(1.0), Duration::from_millis(100));
        assert_eq!(hundred.percentile(0.0), Duration::from_millis(1));
    }

    #[test]
    fn of_few_the_highest_is_the_last_percentile() {
        assert_eq!(durations([]).percentile(0.99), Duration::ZERO);
        assert_eq!(durations([7]).percentile(0.5), Duration::from_millis(7));
        assert_eq!(durations([1, 2, 3]).percentile(0.99), Duration::from_millis(3));
    }
}
