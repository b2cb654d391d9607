//! What ran and how it ended, read from nextest's JUnit report and from what the documentation tests print. It counts
//! tests that really ran, not tests that are there to be run.

/// The sum of one or more test runs.
#[derive(Debug, Default)]
pub(super) struct Report {
    passed: usize,
    failed: usize,
    names: Vec<String>,
    problems: Vec<String>,
}

impl Report {
    /// Reads a JUnit report as nextest writes it: a `testcase` element for each test, with a `failure` or `error` in it
    /// when the test failed. Text in it is escaped, so a `<` always opens an element.
    pub(super) fn of_junit(xml: &str) -> Self {
        let mut report = Self::default();
        for case in xml.split("<testcase ").skip(1) {
            let case = case.split("</testcase>").next().unwrap_or(case);
            if case.contains("<failure") || case.contains("<error") {
                report.failed += 1;
            } else {
                report.passed += 1;
            }
            report.names.extend(attribute(case, "name").map(str::to_owned));
        }
        report
    }

    /// Reads the lines `test result: ok. 3 passed; 0 failed; …` that each crate's documentation tests end with.
    pub(super) fn of_documentation_tests(printed: &str) -> Self {
        let mut report = Self::default();
        for line in printed.lines().filter(|line| line.starts_with("test result:")) {
            report.passed += count_before(line, " passed");
            report.failed += count_before(line, " failed");
        }
        report
    }

    /// Takes another run into this one.
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.names.extend(other.names);
        self.problems.extend(other.problems);
    }

    /// Notes something besides a failed test that makes the run a failure.
    pub(super) fn add_problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Notes each of `backends` for which no test of a kind ran.
    pub(super) fn require_backends(&mut self, backends: &[&str]) {
        for backend in backends {
            if self.contract_tests(backend) == 0 {
                self.add_problem(format!(
                    "no contract test ran on {backend}: is `backends::{backend}` in tests/backends.rs?"
                ));
            }
            if self.end_to_end_tests(backend) == 0 {
                self.add_problem(format!(
                    "no end-to-end test ran on {backend}: is it in `#[values(…)] on: Engine`?"
                ));
            }
        }
    }

    /// How many tests ran below `backends::<backend>`.
    pub(super) fn contract_tests(&self, backend: &str) -> usize {
        let is_of_backend = |name: &&String| {
            let parts: Vec<&str> = name.split("::").collect();
            parts.windows(2).any(|pair| pair == ["backends", backend])
        };
        self.names.iter().filter(is_of_backend).count()
    }

    /// How many tests ran that are there once for each store: `http::sessions::a_token_counts::on_2_Postgres`.
    pub(super) fn end_to_end_tests(&self, backend: &str) -> usize {
        let is_of_backend = |name: &&String| {
            let case = name.rsplit("::").next().and_then(|case| case.strip_prefix("on_"));
            let store = case.and_then(|case| case.split_once('_')).map(|(_, store)| store);
            store.is_some_and(|store| store.eq_ignore_ascii_case(backend))
        };
        self.names.iter().filter(is_of_backend).count()
    }

    /// How many tests passed.
    pub(super) fn passed(&self) -> usize {
        self.passed
    }

    /// How many tests failed.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// What else went wrong, in the order it was noted.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && self.problems.is_empty()
    }
}

fn attribute<'text>(element: &'text str, name: &str) -> Option<&'text str> {
    let (_, rest) = element.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn count_before(line: &str, word: &str) -> usize {
    let before = line.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Report;

    const JUNIT: &str = r#"<testsuites name="nextest-run" tests="4" failures="1" errors="0">
        <testsuite name="symbolon-tests::symbolon" tests="4" disabled="0" errors="0" failures="1">
            <testcase name="backends::sqlite::sessions::claims_once" classname="symbolon-tests::symbolon" time="0.1">
            </testcase>
            <testcase name="backends::sqlite::outbox::is_leased" classname="symbolon-tests::symbolon" time="0.1">
                <failure message="panicked" type="test failure">left &lt; right</failure>
            </testcase>
            <testcase name="http::sqlite_is_no_backend_here" classname="symbolon-tests::symbolon" time="0.1"/>
            <testcase name="http::sessions::a_token_counts::on_2_Postgres" classname="symbolon-tests::symbolon" time="0.1"/>
        </testsuite>
    </testsuites>"#;

    #[test]
    fn junit_tells_passed_from_failed() {
        let report = Report::of_junit(JUNIT);
        assert_eq!((report.passed(), report.failed()), (3, 1));
        assert!(!report.is_good());
    }

    #[test]
    fn a_backend_counts_what_runs_below_its_own_module() {
        assert_eq!(Report::of_junit(JUNIT).contract_tests("sqlite"), 2);
        assert_eq!(Report::of_junit(JUNIT).contract_tests("postgres"), 0);
    }

    #[test]
    fn a_store_counts_the_cases_that_are_called_by_its_name() {
        assert_eq!(Report::of_junit(JUNIT).end_to_end_tests("postgres"), 1);
        assert_eq!(Report::of_junit(JUNIT).end_to_end_tests("sqlite"), 0);
    }

    #[test]
    fn a_backend_that_ran_nothing_is_a_problem_of_each_kind() {
        let mut report = Report::of_documentation_tests("test result: ok. 1 passed; 0 failed; 0 ignored");
        assert!(report.is_good());
        report.require_backends(&["sqlite"]);
        assert_eq!(report.problems().len(), 2);
        let mut report = Report::of_junit(JUNIT);
        report.require_backends(&["postgres"]);
        assert_eq!(report.problems().len(), 1);
    }

    #[test]
    fn documentation_tests_of_all_crates_are_added_up() {
        let printed = "test result: ok. 3 passed; 0 failed; 0 ignored\n\
                       test result: FAILED. 10 passed; 2 failed; 0 ignored";
        let report = Report::of_documentation_tests(printed);
        assert_eq!((report.passed(), report.failed()), (13, 2));
    }

    #[test]
    fn runs_are_added_up() {
        let mut report = Report::of_documentation_tests("test result: ok. 1 passed; 0 failed;");
        report.add(Report::of_junit(JUNIT));
        assert_eq!((report.passed(), report.failed()), (4, 1));
    }
}
