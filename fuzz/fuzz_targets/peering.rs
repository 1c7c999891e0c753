//! See `zmtp_patterns::harness::peering` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zmtp_patterns::harness::peering(data));
