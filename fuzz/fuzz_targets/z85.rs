//! See `zmtp::harness::z85` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zmtp::harness::z85(data));
