//! A cloud as one broker sees it, for a terminal: a row for each cluster.

use zmtp_patterns::peering::{LinkStatus, Status};

use super::table;

/// How busy each cluster is, the broker's own first.
pub(crate) fn rows(status: &Status) -> Vec<String> {
    let own = Row {
        name: &status.name,
        slots: status.slots,
        free: status.free,
        rest: format!("queue {}  spilled {}", status.queue, status.remote),
    };
    let mut rows = vec![own];
    for peer in &status.peers {
        let rest = match peer.link {
            LinkStatus::Up => format!("queue {}  has {} of ours", peer.queue, peer.sent),
            link => table::link(link).to_owned(),
        };
        rows.push(Row { name: table::name(peer), slots: peer.slots, free: peer.free, rest });
    }
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    rows.iter().map(|row| row.line(longest)).collect()
}

struct Row<'a> {
    name: &'a str,
    slots: u32,
    free: u32,
    rest: String,
}

impl Row<'_> {
    fn line(&self, longest: usize) -> String {
        let busy = self.slots.saturating_sub(self.free);
        let part = f64::from(busy) / f64::from(self.slots.max(1));
        let full = (part * WIDTH as f64).round() as usize;
        let bar = ["█".repeat(full), "·".repeat(WIDTH - full)].concat();
        format!("{:longest$}  {bar}  {busy:>5} of {:<5}  {}", self.name, self.slots, self.rest)
    }
}

/// Of the bars.
const WIDTH: usize = 40;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zmtp_patterns::peering::PeerStatus;
    use zmtp_patterns::peering::wire::Card;

    use super::*;

    #[test]
    fn each_cluster_has_a_row_with_a_bar_of_its_load() {
        let peer = |name: &str, link, slots, free| PeerStatus {
            card: Card { name: name.to_owned(), cloud: "tcp://a:2".to_owned(), state: String::new() },
            link,
            free,
            slots,
            queue: 3,
            sent: 2,
            usable: 0,
            rtt: Duration::ZERO,
            age: Duration::ZERO,
        };
        let status = Status {
            name: "DC1".to_owned(),
            slots: 8,
            free: 6,
            remote: 5,
            peers: vec![peer("Lisbon", LinkStatus::Up, 4, 0), peer("", LinkStatus::Connecting, 0, 0)],
            ..Status::default()
        };
        let rows = rows(&status);
        let full = |row: &String| row.chars().filter(|it| *it == '█').count();
        assert_eq!(rows.iter().map(full).collect::<Vec<_>>(), [10, 40, 0]);
        assert!(
            rows[0].starts_with("DC1        █") && rows[0].ends_with("2 of 8      queue 0  spilled 5"),
            "{rows:?}"
        );
        assert!(rows[1].ends_with("queue 3  has 2 of ours"), "{rows:?}");
        assert!(rows[2].starts_with("tcp://a:2  ·") && rows[2].ends_with("connecting"), "{rows:?}");
    }
}
