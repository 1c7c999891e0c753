//! See `zmtp::harness::plain` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zmtp::harness::plain(data));
