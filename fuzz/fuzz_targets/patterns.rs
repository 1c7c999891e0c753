//! See `zmtp::harness::patterns` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zmtp::harness::patterns(data));
