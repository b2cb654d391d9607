//! Runs `symbolon_fuzz::gateway` on whatever libFuzzer thinks of.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    if symbolon_fuzz::gateway::run(data) { Corpus::Keep } else { Corpus::Reject }
});
