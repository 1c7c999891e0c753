//! What happens to a broker, in a line each.

use std::io::{self, Write};

use serde_json::{Value, json};
use zmtp_patterns::peering::{Notice, Rejection};

/// On standard error.
pub(crate) fn tell(notice: &Notice, is_json: bool) {
    let line = if is_json { Some(object(notice).to_string()) } else { sentence(notice) };
    if let Some(line) = line {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

fn sentence(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Up(peer) => format!("up {peer}"),
        Notice::Stale(peer) => format!("stale {peer}: it gets nothing new"),
        Notice::Down(peer, 0) => format!("down {peer}"),
        Notice::Down(peer, 1) => format!("down {peer}: 1 request comes back"),
        Notice::Down(peer, requests) => format!("down {peer}: {requests} requests come back"),
        Notice::Gone(peer) => format!("gone {peer}"),
        Notice::Collision { name, here, there } => {
            format!("collision {name}: {here} has this name, and so has {there}, which is not worked with")
        }
        Notice::Rejected { cloud, rejection: Rejection::Name { cloud: other } } => {
            format!("rejected by {cloud}: {other} has this broker's name")
        }
        Notice::Rejected { cloud, .. } => format!("rejected by {cloud}"),
        Notice::WorkerLost => "worker lost".to_owned(),
        _ => return None,
    })
}

fn object(notice: &Notice) -> Value {
    match notice {
        Notice::Up(peer) => json!({ "event": "up", "peer": peer }),
        Notice::Stale(peer) => json!({ "event": "stale", "peer": peer }),
        Notice::Down(peer, requests) => json!({ "event": "down", "peer": peer, "requests": requests }),
        Notice::Gone(peer) => json!({ "event": "gone", "peer": peer }),
        Notice::Collision { name, here, there } => {
            json!({ "event": "collision", "name": name, "here": here, "there": there })
        }
        Notice::Rejected { cloud, rejection: Rejection::Name { cloud: other } } => {
            json!({ "event": "rejected", "by": cloud, "other": other })
        }
        Notice::Rejected { cloud, .. } => json!({ "event": "rejected", "by": cloud }),
        Notice::WorkerLost => json!({ "event": "worker-lost" }),
        _ => json!({ "event": "other" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_and_who() {
        let name = Rejection::Name { cloud: "tcp://b:2".to_owned() };
        let cases = [
            (Notice::Up("DC2".to_owned()), "up DC2", "up"),
            (Notice::Down("DC2".to_owned(), 1), "down DC2: 1 request comes back", "down"),
            (Notice::Gone("DC2".to_owned()), "gone DC2", "gone"),
            (
                Notice::Rejected { cloud: "tcp://a:2".to_owned(), rejection: name },
                "rejected by tcp://a:2: tcp://b:2 has this broker's name",
                "rejected",
            ),
            (Notice::WorkerLost, "worker lost", "worker-lost"),
        ];
        for (notice, line, event) in cases {
            assert_eq!(sentence(&notice).as_deref(), Some(line));
            assert_eq!(object(&notice)["event"], event);
        }
    }
}
