//! Rows 25, 26 and 51 to 53: peers of a REP or ROUTER that pretend to be others, never listen, or are gone.

use support::{Peer, command, frame, greeting, more, ping, ready};
use zmtp::{Cause, Refusal};

use crate::arena::{DEFAULTS, Kind, Settings, each};
use crate::guard::{Guard, let_in_as, other_keys, plain_hello};

#[tokio::test]
async fn hostile_25_the_routing_id_of_a_live_peer_is_refused_and_that_peer_stays() {
    each(&[Kind::Router], DEFAULTS, async |arena| {
        let good = arena.peers().await[0].id;
        for _ in 0..100 {
            let mut thief = arena.attacker().await;
            thief.shake_with(greeting(), ready("DEALER").property("Identity", "good")).await;
            // What it says belongs to nobody.
            let _ = thief.try_send([more(""), frame("I am good")].concat()).await;
            assert!(thief.rest().await.is_empty());
            let cause = arena.handshake_failed().await;
            assert!(matches!(cause, Cause::Refused(Refusal::RoutingIdTaken)), "{cause}");
            assert_eq!(arena.peers().await.iter().map(|peer| peer.id).collect::<Vec<_>>(), [good]);
        }
        assert_eq!(arena.strange(), 0);
    })
    .await;
}

/// Without authentication nobody can prove to be the same, so that everybody is another. The name is free once its
/// owner has gone.
#[tokio::test]
async fn hostile_26_another_host_does_not_get_the_routing_id_of_a_live_peer_either() {
    each(&[Kind::Router], DEFAULTS, async |arena| {
        let named = || ready("REQ").property("Identity", "name");
        let mut owner = arena.attacker().await;
        owner.shake_with(greeting(), named()).await;
        #[cfg(target_os = "linux")]
        {
            let mut thief = Peer::connect_from([127, 0, 0, 2], &arena.at).await;
            thief.shake_with(greeting(), named()).await;
            thief.expect_close().await;
            let cause = arena.handshake_failed().await;
            assert!(matches!(cause, Cause::Refused(Refusal::RoutingIdTaken)), "{cause}");
        }
        drop(owner);
        arena.disconnected().await;

        let mut heir = arena.attacker().await;
        heir.shake_with(greeting(), named()).await;
        heir.send([more(""), frame("hello")].concat()).await;
        assert_eq!(heir.message().await, [&b""[..], b"hello"]);
        assert_eq!(arena.delivered().await.get(2), Some(&b"hello"[..]));
    })
    .await;
}

/// Where `handover` is set, the users decide: another one is refused, by whatever mechanism it has proven who it is.
#[tokio::test]
async fn hostile_26_another_user_does_not_get_the_routing_id_of_a_live_peer_with_handover_either() {
    for guard in [Guard::Plain, Guard::Curve] {
        each(&[Kind::Router], Settings { handover: true, guard, ..DEFAULTS }, async |arena| {
            let good = arena.peers().await[0].id;
            for _ in 0..20 {
                let mut thief = arena.attacker().await;
                come_in(guard, &mut thief, "good").await;
                let _ = thief.try_send([more(""), frame("I am good")].concat()).await;
                assert!(thief.rest().await.is_empty());
                let cause = arena.handshake_failed().await;
                assert!(matches!(cause, Cause::Refused(Refusal::RoutingIdOfAnotherUser)), "{cause}");
                assert_eq!(arena.peers().await.iter().map(|peer| peer.id).collect::<Vec<_>>(), [good]);
            }
            assert_eq!(arena.strange(), 0);

            // The same user gets it.
            let mut owner = arena.attacker().await;
            come_in(guard, &mut owner, "name").await;
            let mut heir = arena.attacker().await;
            come_in(guard, &mut heir, "name").await;
            owner.expect_close().await;
            assert!(matches!(arena.disconnected().await, Cause::Closed));
            drop(heir);
            arena.disconnected().await;
        })
        .await;
    }
}

/// Shakes hands as another user than the good peer is, and announces a routing id.
async fn come_in(guard: Guard, peer: &mut Peer, identity: &str) {
    let named = Vec::from(ready("DEALER").property("Identity", identity)).split_off(8);
    if guard == Guard::Curve {
        let_in_as(other_keys(), peer, &named).await;
        return;
    }
    peer.send(plain_hello("other", "secret")).await;
    peer.read(64).await;
    peer.expect(command("WELCOME", "")).await;
    peer.send(command("INITIATE", named)).await;
    peer.frame().await;
}

#[tokio::test]
async fn hostile_51_answers_to_a_dealer_that_never_reads_are_dropped_and_others_are_served() {
    each(&[Kind::Rep, Kind::Router], Settings { send_hwm: 100, ..DEFAULTS }, async |arena| {
        let mut deaf = Peer::connect_deaf(4096, &arena.at).await;
        deaf.shake("DEALER").await;
        let questions = [more(""), frame([b'?'; 10_000])].concat().repeat(10);
        let start = arena.served();
        while arena.drops().await.peer_full < 1000 {
            deaf.send(questions.clone()).await;
        }
        assert!(arena.served() > start, "nobody else was served");
        assert!(arena.memory() < 24 << 20, "{} octets", arena.memory());
        let peers = arena.peers().await;
        let deaf_one = peers.iter().find(|peer| peer.dropped > 0).unwrap();
        assert!(deaf_one.dropped >= 1000 && deaf_one.queued.messages <= 101, "{deaf_one:?}");
        assert_eq!(peers.iter().filter(|peer| peer.dropped > 0).count(), 1);
        deaf.reset();
        arena.left().await;
        arena.forgive_delivered();
    })
    .await;
}

#[tokio::test]
async fn hostile_52_a_question_without_an_envelope_or_with_a_huge_one_is_dropped_and_counted() {
    each(&[Kind::Rep], DEFAULTS, async |arena| {
        let hops = |hops: usize| [more("hop").repeat(hops), more(""), frame("question")].concat();
        let mut peer = arena.attacker().await;
        peer.shake("DEALER").await;
        for (n, odd) in [frame("no delimiter"), hops(2000), hops(65), frame("")].into_iter().enumerate() {
            peer.send(odd).await;
            // The connection lives, and what follows is answered.
            peer.send(hops(64)).await;
            let answer = peer.message().await;
            assert_eq!((answer.len(), &answer[65][..]), (66, &b"question"[..]));
            assert_eq!(arena.delivered().await, "question");
            assert_eq!(arena.drops().await.malformed, n as u64 + 1);
        }
        assert_eq!(arena.strange(), 4);
    })
    .await;
}

#[tokio::test]
async fn hostile_53_what_a_router_or_rep_says_to_one_who_has_gone_is_dropped_and_counted() {
    each(&[Kind::Rep, Kind::Router], DEFAULTS, async |arena| {
        let mut rounds = 0;
        while arena.drops().await.no_peer == 0 {
            rounds += 1;
            assert!(rounds <= 200, "every answer found somebody");
            let mut peer = arena.attacker().await;
            peer.shake("DEALER").await;
            peer.send([more(""), frame("and good-bye")].concat().repeat(100)).await;
            if rounds % 2 == 0 {
                peer.reset()
            } else {
                drop(peer)
            }
            arena.left().await;
        }
        // One that has closed its sending half only is gone as well.
        let mut half = arena.attacker().await;
        half.shake("DEALER").await;
        half.send(ping(0, "ctx")).await;
        half.shut().await;
        half.rest().await;
        assert!(matches!(arena.left().await, Cause::PeerClosed));
        arena.forgive_delivered();
    })
    .await;
}
