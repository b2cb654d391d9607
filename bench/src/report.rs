//! What was measured, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

/// The unit of a figure; how it is written follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// How often in a second.
    PerSecond,
    /// Millionths of a second.
    Microseconds,
    /// Thousandths of a second.
    Milliseconds,
    /// 2^20 bytes.
    Mebibytes,
    /// 10^6 bytes.
    Megabytes,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// So many times the reference, or more.
    Ratio(f64),
    /// No more than this, in the figure's own unit.
    AtMost(f64),
    /// No more than the reference and this.
    AtMostAbove(f64),
    /// Apart from the reference by less than this share of it, and by less than this much.
    Alike(f64, f64),
}

/// What a figure is held against.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// What does it.
    pub(crate) name: &'static str,
    /// What it came to.
    pub(crate) figure: f64,
    /// Besides.
    pub(crate) detail: String,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Of which goal.
    pub(crate) id: &'static str,
    /// What was done.
    pub(crate) work: &'static str,
    /// What it came to.
    pub(crate) figure: f64,
    /// In which unit; the reference's too.
    pub(crate) unit: Unit,
    /// Besides, such as percentiles.
    pub(crate) detail: String,
    /// What it is held against.
    pub(crate) reference: Option<Reference>,
    /// What it should be.
    pub(crate) goal: Goal,
}

/// Every line, and the machine they are from.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of the goals.
    pub(crate) rows: Vec<Row>,
    /// What the figures hold for: processor, cores, memory, date.
    pub(crate) machine: String,
    /// Whether rounds were shorter than usual.
    pub(crate) quick: bool,
}

impl Unit {
    fn text(self, number: f64) -> String {
        let digits = match number.abs() {
            large if large >= 100.0 => 0,
            middle if middle >= 10.0 => 1,
            _ => 2,
        };
        match self {
            Self::PerSecond if number >= 1_000.0 => format!("{:.1} k/s", number / 1_000.0),
            Self::PerSecond => format!("{number:.0} /s"),
            Self::Microseconds => format!("{number:.digits$} µs"),
            Self::Milliseconds => format!("{number:.digits$} ms"),
            Self::Mebibytes => format!("{number:.1} MiB"),
            Self::Megabytes => format!("{number:.1} MB"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "1/s",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
            Self::Megabytes => "MB",
        }
    }
}

impl Row {
    /// How many times the reference the figure is.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let reference = self.reference.as_ref()?.figure;
        (reference > 0.0).then(|| self.figure / reference)
    }

    /// Is the figure as it should be? What has nothing to be held against is not.
    pub(crate) fn is_met(&self) -> bool {
        let reference = self.reference.as_ref().map(|reference| reference.figure);
        match (self.goal, reference) {
            (Goal::Ratio(least), _) => self.ratio().is_some_and(|ratio| ratio >= least),
            (Goal::AtMost(most), _) => self.figure <= most,
            (Goal::AtMostAbove(most), Some(reference)) => self.figure <= reference + most,
            (Goal::Alike(share, most), Some(reference)) => {
                let apart = (self.figure - reference).abs();
                apart < share * reference && apart < most
            }
            (Goal::AtMostAbove(_) | Goal::Alike(..), None) => false,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::Ratio(least) => format!("≥ {least} ×"),
            Goal::AtMost(most) => format!("≤ {}", self.unit.text(most)),
            Goal::AtMostAbove(most) => format!("≤ + {}", self.unit.text(most)),
            Goal::Alike(share, most) => {
                format!("apart < {:.0} %, < {}", share * 100.0, self.unit.text(most))
            }
        }
    }

    fn cells(&self) -> [String; 7] {
        let reference = self.reference.as_ref().map_or_else(String::new, |reference| {
            let detail = in_brackets(&reference.detail);
            format!("{}: {}{detail}", reference.name, self.unit.text(reference.figure))
        });
        [
            self.id.to_owned(),
            self.work.to_owned(),
            format!("{}{}", self.unit.text(self.figure), in_brackets(&self.detail)),
            reference,
            self.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            self.goal_text(),
            if self.is_met() { "yes" } else { "**no**" }.to_owned(),
        ]
    }

    fn json(&self) -> Json {
        let reference = self.reference.as_ref().map(
            |reference| json!({"name": reference.name, "figure": reference.figure, "detail": reference.detail}),
        );
        json!({
            "id": self.id,
            "work": self.work,
            "figure": self.figure,
            "unit": self.unit.name(),
            "detail": self.detail,
            "reference": reference,
            "ratio": self.ratio(),
            "goal": self.goal_text(),
            "met": self.is_met(),
        })
    }
}

fn in_brackets(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}

impl Report {
    /// The table, in Markdown with columns of even width, and what it holds for.
    pub(crate) fn table(&self) -> String {
        let heads = ["id", "work", "figure", "reference", "ratio", "goal", "met"].map(str::to_owned);
        let lines: Vec<[String; 7]> =
            std::iter::once(heads).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| {
            let lengths = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
            lengths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..7).map(width).collect();
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(&widths) {
                let _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
            if index == 0 {
                for width in &widths {
                    let _ = write!(text, "|-{:-<width$}-", "");
                }
                text.push_str("|\n");
            }
        }
        let turn = if self.quick { " A quick run: the figures waver." } else { "" };
        let _ = write!(text, "\n{}.{turn}", self.machine);
        text
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Json {
        let rows: Vec<Json> = self.rows.iter().map(Row::json).collect();
        json!({"machine": self.machine, "quick": self.quick, "rows": rows})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: f64, reference: f64, goal: Goal) -> Row {
        let reference = Reference { name: "floor", figure: reference, detail: String::new() };
        Row {
            id: "G-4",
            work: "verify",
            figure,
            unit: Unit::PerSecond,
            detail: "p99 2.00 ms".to_owned(),
            reference: Some(reference),
            goal,
        }
    }

    #[test]
    fn a_ratio_is_met_from_its_goal_on() {
        assert!(row(60.0, 100.0, Goal::Ratio(0.6)).is_met());
        assert!(!row(59.0, 100.0, Goal::Ratio(0.6)).is_met());
        assert!(!row(60.0, 0.0, Goal::Ratio(0.6)).is_met());
    }

    #[test]
    fn a_bound_is_met_up_to_its_goal() {
        assert!(row(20.0, 1.0, Goal::AtMost(20.0)).is_met());
        assert!(!row(20.1, 1.0, Goal::AtMost(20.0)).is_met());
        assert!(row(75.0, 17.0, Goal::AtMostAbove(58.0)).is_met());
        assert!(!row(75.1, 17.0, Goal::AtMostAbove(58.0)).is_met());
    }

    #[test]
    fn two_medians_are_alike_when_both_measures_say_so() {
        assert!(row(10.4, 10.0, Goal::Alike(0.05, 2.0)).is_met());
        assert!(!row(10.6, 10.0, Goal::Alike(0.05, 2.0)).is_met());
        assert!(!row(97.0, 100.0, Goal::Alike(0.05, 2.0)).is_met());
        assert!(!Row { reference: None, ..row(1.0, 1.0, Goal::Alike(0.05, 2.0)) }.is_met());
    }

    #[test]
    fn the_table_has_even_columns() {
        let rows = vec![row(59_000.0, 100_000.0, Goal::Ratio(0.6)), row(99.0, 99.0, Goal::Ratio(0.6))];
        let report = Report { rows, machine: "two cores".to_owned(), quick: true };
        assert_eq!(
            report.table(),
            "| id  | work   | figure                 | reference        | ratio | goal    | met    |\n\
             |-----|--------|------------------------|------------------|-------|---------|--------|\n\
             | G-4 | verify | 59.0 k/s (p99 2.00 ms) | floor: 100.0 k/s | 0.59  | ≥ 0.6 × | **no** |\n\
             | G-4 | verify | 99 /s (p99 2.00 ms)    | floor: 99 /s     | 1.00  | ≥ 0.6 × | yes    |\n\
             \n\
             two cores. A quick run: the figures waver."
        );
    }

    #[test]
    fn programs_get_the_figures_unrounded() {
        let report = Report { rows: vec![row(59.25, 100.0, Goal::Ratio(0.6))], ..Report::default() };
        let json = report.json();
        assert_eq!(json["rows"][0]["figure"], 59.25);
        assert_eq!(json["rows"][0]["met"], false);
        assert_eq!(json["rows"][0]["reference"]["name"], "floor");
    }
}
