//! See `zmtp::harness::handshake` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zmtp::harness::handshake(data));
