//! Rows 19 to 22 and 24: READY and its properties.

use support::ready;
use zmtp::wire::{Malformed, Misbehaved};

use crate::arena::{DEFAULTS, both};
use crate::handshakes::refused;

#[tokio::test]
async fn hostile_19_a_property_name_that_is_empty_or_holds_what_it_must_not_is_closed() {
    both(DEFAULTS, async |arena| {
        for name in [&b""[..], b"with space", b"new\nline", b"\xff\xff", b"nul\0"] {
            let odd = ready(arena.partner()).property(name, "x");
            refused(arena, odd.into(), Malformed::PropertyName.into()).await;
        }
        // Longer than what is left.
        let odd = ready(arena.partner()).then(b"\xffname");
        refused(arena, odd.into(), Malformed::PropertyName.into()).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_20_a_property_value_longer_than_what_is_left_is_closed_and_not_reserved() {
    both(DEFAULTS, async |arena| {
        for len in [6, 0x7fff_ffff, u32::MAX] {
            for _ in 0..50 {
                let odd = ready(arena.partner()).property_that_claims("X", len, "short");
                refused(arena, odd.into(), Malformed::PropertyValue.into()).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_21_too_many_properties_or_too_much_of_them_is_closed() {
    both(DEFAULTS, async |arena| {
        let many = (0..64).fold(ready(arena.partner()), |ready, n| ready.property(format!("p{n}"), ""));
        refused(arena, many.into(), Misbehaved::TooManyProperties { limit: 64 }.into()).await;

        let value = vec![b'x'; 2 << 20];
        let ready_of_2_mb = ready(arena.partner()).property("X", value);
        let hundred_thousand = ready(arena.partner()).then(b"\x01p\0\0\0\0".repeat(100_000));
        for huge in [Vec::from(ready_of_2_mb), hundred_thousand.into()] {
            let size = huge.len() as u64 - 9;
            refused(arena, huge, Misbehaved::CommandTooLarge { size, limit: 8192 }.into()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_22_a_property_twice_is_closed_also_in_other_case() {
    both(DEFAULTS, async |arena| {
        for name in ["Socket-Type", "socket-TYPE"] {
            let odd = ready(arena.partner()).property(name, arena.partner());
            refused(arena, odd.into(), Misbehaved::DuplicateProperty(name.into()).into()).await;
        }
        let odd = ready(arena.partner()).property("Identity", "a").property("IDENTITY", "b");
        refused(arena, odd.into(), Misbehaved::DuplicateProperty("IDENTITY".into()).into()).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_24_an_identity_too_long_or_with_a_leading_zero_is_closed() {
    both(DEFAULTS, async |arena| {
        for identity in [&[b'i'; 256][..], b"\0", b"\0me"] {
            let odd = ready(arena.partner()).property("Identity", identity);
            refused(arena, odd.into(), Misbehaved::Identity.into()).await;
        }
        let longest = ready(arena.partner()).property("Identity", [b'i'; 255]);
        let mut peer = arena.attacker().await;
        peer.shake_with(support::greeting(), longest).await;
    })
    .await;
}
