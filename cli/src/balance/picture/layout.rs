//! Where each attempt is to be seen: rows of lanes, in each lane blocks from pixel to pixel.
//!
//! Blocks that would hide one another are one, so a picture is never larger than its pixels, however long the run was.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::record::{Bar, End, Presence, Record};
use crate::balance::admin::name;
use crate::picture::ticks::{Tick, ticks};

#[derive(Debug)]
pub(super) struct Layout {
    /// How busy they were.
    pub(super) caption: String,
    /// What else there is to know.
    pub(super) note: String,
    pub(super) rows: Vec<Row>,
    pub(super) ticks: Vec<Tick>,
}

/// What is a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Workers,
    Slots,
}

#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) lanes: Vec<Vec<Block>>,
}

/// An attempt, or several that are too short to be told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    pub(super) from: u32,
    pub(super) to: u32,
    /// Which task's colour, from 0 to 1.
    pub(super) hue: f64,
    pub(super) end: End,
}

impl Layout {
    /// The rows of this record, as wide as this.
    pub(super) fn new(record: &Record, rows: Rows, width: u32) -> Self {
        let begin = record.begin.unwrap_or_else(Instant::now);
        let span = record.end.map_or(Duration::ZERO, |end| end.saturating_duration_since(begin));
        let scale = Scale { begin, span, width };
        let mut workers: Vec<_> = record.workers.iter().filter(|(_, hand)| !hand.lanes.is_empty()).collect();
        workers.sort_by_key(|(_, hand)| hand.came);
        let mut all = Vec::new();
        for (worker, hand) in workers {
            let lanes = lanes(record.bars.iter().filter(|bar| bar.worker == *worker), hand, rows);
            let mut lanes = lanes.into_iter().map(|bars| blocks(&bars, scale));
            match rows {
                Rows::Workers => all.push(Row { name: name(*worker), lanes: lanes.collect() }),
                Rows::Slots => all.extend(lanes.by_ref().zip(1..).map(|(lane, number): (_, u32)| Row {
                    name: format!("slot {number}"),
                    lanes: vec![lane],
                })),
            }
        }
        let hidden = hide(&mut all);
        Self {
            caption: caption(record, rows, span),
            note: note(record, hidden),
            rows: all,
            ticks: ticks(span, width),
        }
    }
}

/// From time to pixels.
#[derive(Debug, Clone, Copy)]
struct Scale {
    begin: Instant,
    span: Duration,
    width: u32,
}

impl Scale {
    fn pixel(self, time: Duration) -> u32 {
        let share = time.as_secs_f64() / self.span.as_secs_f64().max(f64::MIN_POSITIVE);
        (share.clamp(0.0, 1.0) * f64::from(self.width)) as u32
    }

    fn at(self, at: Instant) -> u32 {
        self.pixel(at.saturating_duration_since(self.begin))
    }
}

/// The attempts of each lane, in order.
fn lanes<'a>(bars: impl Iterator<Item = &'a Bar>, hand: &Presence, rows: Rows) -> Vec<Vec<&'a Bar>> {
    let slots = if rows == Rows::Slots { usize::from(hand.slots) } else { 0 };
    let mut lanes = vec![Vec::new(); hand.lanes.len().max(slots)];
    for bar in bars {
        lanes[bar.lane].push(bar);
    }
    lanes
}

fn blocks(bars: &[&Bar], scale: Scale) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for bar in bars {
        let from = scale.at(bar.since).min(scale.width - 1);
        let to = scale.at(bar.until).max(from + 1);
        let taken = blocks.last().map_or(0, |last| last.to);
        if to > taken {
            blocks.push(Block { from: from.max(taken), to, hue: hue(bar.task.0), end: bar.end });
        } else if let Some(last) = blocks.last_mut()
            && bar.end == End::Failed
        {
            // What went wrong is to be seen in any case.
            last.end = End::Failed;
        }
    }
    blocks
}

/// Tasks are numbered: each is a golden section away from the one before, so neighbours are easy to tell apart.
fn hue(task: u64) -> f64 {
    (f64::from(task as u32) * 0.618_033_988_749_895).fract()
}

/// Leaves out the last rows if there are too many. Says how many.
fn hide(rows: &mut Vec<Row>) -> usize {
    let mut lanes = 0;
    let shown = rows.iter().take_while(|row| {
        lanes += row.lanes.len();
        lanes <= MOST_LANES
    });
    let (all, shown) = (rows.len(), shown.count().max(1));
    rows.truncate(shown);
    all - rows.len()
}

fn caption(record: &Record, rows: Rows, span: Duration) -> String {
    if record.begin.is_none() {
        return "no job was begun".to_owned();
    }
    let there = record.workers.values().filter(|hand| !hand.lanes.is_empty());
    let workers = match rows {
        Rows::Workers => record.forgotten + there.count(),
        Rows::Slots => there.map(|hand| usize::from(hand.slots)).sum(),
    };
    let (busy, capacity) = (record.busy.as_secs_f64(), record.capacity().as_secs_f64());
    let share = (100.0 * busy / capacity.max(f64::MIN_POSITIVE)).clamp(0.0, 100.0);
    let plural = if workers == 1 { "" } else { "s" };
    format!("utilisation {share:.0} % of {workers} worker{plural} over {:.1} s", span.as_secs_f64())
}

fn note(record: &Record, hidden: usize) -> String {
    let mut note = format!("{} attempts, {} failed or lost", record.attempts, record.failed);
    // Writing to a string does not fail.
    if record.dropped > 0 {
        let _ = write!(note, "; the first {} are not shown", record.dropped);
    }
    if hidden > 0 {
        let _ = write!(note, "; {hidden} rows more are not shown");
    }
    if record.missed > 0 {
        let _ = write!(note, "; {} events were missed", record.missed);
    }
    note
}

/// Lanes that are shown.
const MOST_LANES: usize = 200;

#[cfg(test)]
mod tests {
    use zmtp_patterns::balancer::job::{TaskId, WorkerId};
    use zmtp_patterns::balancer::{Ending, Notice};

    use super::super::record::tests::{A, B, recorded};
    use super::*;

    fn shape(lane: &[Block]) -> Vec<(u32, u32, End)> {
        lane.iter().map(|block| (block.from, block.to, block.end)).collect()
    }

    #[test]
    fn workers_are_rows_in_the_order_in_which_they_came_and_a_task_keeps_its_colour() {
        let (one, two) = (TaskId(1), TaskId(2));
        let record = recorded(
            100,
            &[
                (0, Notice::Came(B, 1)),
                (1, Notice::Came(A, 2)),
                (100, Notice::Leased(one, B)),
                (100, Notice::Leased(two, A)),
                (150, Notice::SetBack(one, B, zmtp_patterns::balancer::job::Setback::WorkerLost)),
                (150, Notice::Lost(B)),
                (150, Notice::Leased(one, A)),
                (200, Notice::Ended(two, Ending::Done)),
                (300, Notice::Ended(one, Ending::Done)),
            ],
        );
        let layout = Layout::new(&record, Rows::Workers, 1000);
        let [first, second] = &layout.rows[..] else { panic!("{layout:?}") };
        assert_eq!((&first.name, &second.name), (&name(B), &name(A)));
        assert_eq!(shape(&first.lanes[0]), [(0, 250, End::Failed)]);
        assert_eq!(shape(&second.lanes[0]), [(0, 500, End::Done)]);
        assert_eq!(shape(&second.lanes[1]), [(250, 1000, End::Done)]);
        let hues = [first.lanes[0][0].hue, second.lanes[1][0].hue, second.lanes[0][0].hue];
        assert!(hues[0] == hues[1] && hues[0] != hues[2], "{hues:?}");
        // 50 of 50 ms, and 250 of 2 * 200 ms.
        assert_eq!(layout.caption, "utilisation 67 % of 2 workers over 0.2 s");
        assert_eq!(layout.note, "3 attempts, 1 failed or lost");
    }

    #[test]
    fn slots_are_rows_whether_they_had_anything_or_not() {
        let task = TaskId(1);
        let record = recorded(
            100,
            &[
                (0, Notice::Came(A, 3)),
                (0, Notice::Leased(task, A)),
                (900, Notice::Ended(task, Ending::Done)),
            ],
        );
        let layout = Layout::new(&record, Rows::Slots, 90);
        let rows: Vec<_> = layout.rows.iter().map(|row| (row.name.as_str(), row.lanes[0].len())).collect();
        assert_eq!(rows, [("slot 1", 1), ("slot 2", 0), ("slot 3", 0)]);
        assert_eq!(layout.caption, "utilisation 33 % of 3 workers over 0.9 s");
        let labels: Vec<_> = layout.ticks.iter().map(|tick| (tick.at, tick.label.as_str())).collect();
        assert_eq!(labels, [(0, "0 ms"), (20, "200 ms"), (40, "400 ms"), (60, "600 ms"), (80, "800 ms")]);
    }

    #[test]
    fn a_lane_never_has_more_blocks_than_pixels_and_a_failure_is_always_seen() {
        let mut notices = vec![(0, Notice::Came(A, 1))];
        for number in 0..5_000 {
            let task = TaskId(number);
            notices.push((number * 2, Notice::Leased(task, A)));
            let ending = if number == 1234 { Ending::Dead } else { Ending::Done };
            notices.push((number * 2 + 2, Notice::Ended(task, ending)));
        }
        let record = recorded(4_000, &notices);
        let layout = Layout::new(&record, Rows::Workers, 100);
        let lane = &layout.rows[0].lanes[0];
        assert!(lane.len() <= 100 && lane.iter().any(|block| block.end == End::Failed), "{lane:?}");
        assert!(lane.is_sorted_by(|one, next| one.from < one.to && one.to <= next.from), "{lane:?}");
        assert_eq!(layout.note, "5000 attempts, 1 failed or lost; the first 1000 are not shown");
        assert_eq!(layout.caption, "utilisation 100 % of 1 worker over 10.0 s");
    }

    #[test]
    fn of_too_many_rows_the_last_are_left_out_and_without_any_work_there_are_none() {
        let mut notices = vec![];
        for number in 0..=250 {
            notices.push((number, Notice::Leased(TaskId(number), WorkerId([number as u8; 16]))));
        }
        let layout = Layout::new(&recorded(1_000, &notices), Rows::Workers, 100);
        assert_eq!(layout.rows.len(), MOST_LANES);
        assert!(layout.note.ends_with("; 51 rows more are not shown"), "{}", layout.note);

        let layout = Layout::new(&recorded(10, &[(0, Notice::Came(A, 1))]), Rows::Workers, 100);
        assert_eq!((layout.rows.len(), layout.caption.as_str()), (0, "no job was begun"));
    }
}
