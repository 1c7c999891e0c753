//! Socket types: which one to come in as, and what it would cost the peer.

use zmtp::SocketType;

use super::advice::Failure;

/// What to do at a peer of a type that is known before it knows ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Come in as this type.
    Come(SocketType),
    /// Stay outside, for this reason: it would take something from others.
    Stay(String),
}

/// As what to come in, when the peer is of this type.
///
/// # Errors
/// The type that was asked for does not go with it.
pub(super) fn choose(asked: Option<SocketType>, theirs: SocketType) -> Result<Choice, Failure> {
    match asked {
        Some(ours) if ours.goes_with(theirs) => Ok(Choice::Come(ours)),
        Some(ours) => Err(unsuited(theirs, ours)),
        None => Ok(cost(theirs).map_or(Choice::Come(partner(theirs)), Choice::Stay)),
    }
}

/// The peer does not talk to a type like ours.
pub(super) fn unsuited(theirs: SocketType, ours: SocketType) -> Failure {
    Failure::new(
        format!("the peer is a {theirs}, which does not talk to a {ours}"),
        format!("a {theirs} talks to {}: use such a socket, or check the endpoint", partners(theirs)),
    )
}

/// Those that go with a type, as in `REP and ROUTER`.
pub(super) fn partners(theirs: SocketType) -> String {
    let all: Vec<_> =
        SocketType::ALL.iter().filter(|ours| ours.goes_with(theirs)).map(|ours| ours.as_str()).collect();
    match &*all {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => all.join(""),
    }
}

/// What a peer would lose to somebody who comes in just to look, unless that is told to.
pub(super) fn cost(theirs: SocketType) -> Option<String> {
    let why = match theirs {
        SocketType::Push | SocketType::Dealer | SocketType::Req => {
            format!("a {theirs} shares its messages among its peers, and one for doctor would be lost")
        }
        SocketType::Pair => "a PAIR has one peer, whose place doctor would take".to_owned(),
        _ => return None,
    };
    let ours = partner(theirs).as_str().to_ascii_lowercase();
    Some(format!("doctor stays outside: {why}; `--as {ours}` goes on all the same"))
}

/// The type that asks the least of a peer.
fn partner(theirs: SocketType) -> SocketType {
    match theirs {
        SocketType::Pair => SocketType::Pair,
        SocketType::Pub | SocketType::Xpub => SocketType::Sub,
        SocketType::Sub | SocketType::Xsub => SocketType::Pub,
        SocketType::Req => SocketType::Rep,
        SocketType::Rep => SocketType::Req,
        SocketType::Dealer => SocketType::Router,
        SocketType::Pull => SocketType::Push,
        SocketType::Push => SocketType::Pull,
        // ROUTER, and whatever else there may be one day.
        _ => SocketType::Dealer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_that_is_chosen_suits_the_peer_and_one_that_is_told_is_judged() {
        for theirs in SocketType::ALL {
            assert!(partner(theirs).goes_with(theirs), "{theirs}");
            assert_eq!(choose(Some(partner(theirs)), theirs), Ok(Choice::Come(partner(theirs))));
            let stays = matches!(choose(None, theirs), Ok(Choice::Stay(_)));
            assert_eq!(stays, ["PUSH", "DEALER", "REQ", "PAIR"].contains(&theirs.as_str()), "{theirs}");
        }
        let failure = choose(Some(SocketType::Pull), SocketType::Pub).unwrap_err();
        assert_eq!(failure.reason, "the peer is a PUB, which does not talk to a PULL");
        assert!(failure.next.starts_with("a PUB talks to SUB and XSUB"), "{}", failure.next);
        assert_eq!(partners(SocketType::Dealer), "REP, DEALER and ROUTER");
        assert_eq!(partners(SocketType::Push), "PULL");
    }
}
