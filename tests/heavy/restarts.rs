//! A libzmq process that is killed and started again a hundred times, at random moments, under load.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use support::{ANY_PORT, Child, descriptors, nobody, resident, until, within};
use zmtp::{PushSocket, Reconnect};

use crate::run;

/// What was cut is sent again and what was whole is not: so numbers may be missing after a death, but none comes
/// twice or out of order.
#[test]
fn case_121_a_hundred_deaths_of_libzmq_under_load_leak_nothing_and_keep_the_order() {
    run(async {
        for ours_binds in [true, false] {
            let wait = Duration::from_millis(2);
            let reconnect = Reconnect { first: wait, longest: 2 * wait, ..Reconnect::default() };
            let push = PushSocket::builder().reconnect(reconnect).send_hwm(100).build();
            let words = if ours_binds {
                format!("pull connect {}", push.bind(ANY_PORT).await.unwrap())
            } else {
                let at = nobody();
                push.connect(&at).unwrap();
                format!("pull bind {at}")
            };
            let sending = tokio::spawn(async move {
                for n in 0_u64.. {
                    push.send(format!("{n} {}", "x".repeat((n % 5_000) as usize))).await.unwrap();
                }
            });

            let (mut next, mut before) = (0, (0, 0));
            for death in 0..50 {
                let mut pull = Child::zmq(&words).await;
                for _ in 0..random(100) {
                    let body = pull.got().await.remove(0);
                    let text = str::from_utf8(&body).unwrap();
                    let (number, filler) = text.split_once(' ').unwrap();
                    let n: u64 = number.parse().unwrap();
                    assert!(n >= next, "{n} comes after {next}");
                    assert_eq!(filler.len() as u64, n % 5_000);
                    next = n + 1;
                }
                pull.kill();
                if death == 9 {
                    before = (descriptors(), resident());
                }
            }
            until(20, || descriptors() <= before.0).await;
            let grown = resident().saturating_sub(before.1);
            assert!(grown < 16 << 20, "{grown} octets");
            sending.abort();
            assert!(within(20, sending).await.unwrap_err().is_cancelled());
        }
    });
}

/// 1 to `most`.
fn random(most: u64) -> u64 {
    RandomState::new().hash_one(0) % most + 1
}
