//! Runs `symbolon_fuzz::values` on whatever libFuzzer thinks of.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    if symbolon_fuzz::values::run(data) { Corpus::Keep } else { Corpus::Reject }
});
