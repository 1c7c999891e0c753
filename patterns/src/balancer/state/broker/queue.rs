//! Whose turn it is: tasks that could be done now, by what they need, their priority and their age.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::balancer::job::TaskId;

/// What a task needs, or a worker offers.
pub(crate) type Tags = BTreeSet<String>;

/// A task's place in the queue: by priority, then by the order of submission. One that comes back has its old place, in
/// front of all that were submitted after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) priority: Reverse<u8>,
    pub(crate) submitted: u64,
    pub(crate) task: TaskId,
}

/// Tasks that wait for nothing but a worker.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    by_tags: BTreeMap<Tags, BTreeSet<Place>>,
}

impl Queue {
    pub(crate) fn insert(&mut self, needs: &Tags, place: Place) {
        match self.by_tags.get_mut(needs) {
            Some(places) => _ = places.insert(place),
            None => _ = self.by_tags.insert(needs.clone(), BTreeSet::from([place])),
        }
    }

    pub(crate) fn remove(&mut self, needs: &Tags, place: Place) {
        if let Some(places) = self.by_tags.get_mut(needs) {
            places.remove(&place);
            if places.is_empty() {
                self.by_tags.remove(needs);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_tags.is_empty()
    }

    /// The task that goes next to a worker which offers this.
    pub(crate) fn best(&self, offers: &Tags) -> Option<TaskId> {
        let suitable = self.by_tags.iter().filter(|(needs, _)| needs.is_subset(offers));
        suitable.filter_map(|(_, places)| places.first()).min().map(|place| place.task)
    }
}

/// Tasks that are done one after the other, by ordering key.
#[derive(Debug, Default)]
pub(crate) struct Lanes(BTreeMap<Bytes, VecDeque<TaskId>>);

impl Lanes {
    /// Joins the end of its lane. Says whether it is the first.
    pub(crate) fn join(&mut self, order: &Bytes, task: TaskId) -> bool {
        let lane = self.0.entry(order.clone()).or_default();
        lane.push_back(task);
        lane.len() == 1
    }

    pub(crate) fn is_first(&self, order: &Bytes, task: TaskId) -> bool {
        self.0.get(order).and_then(VecDeque::front) == Some(&task)
    }

    /// This one has ended. The one that is first now, if it was not before.
    pub(crate) fn leave(&mut self, order: &Bytes, task: TaskId) -> Option<TaskId> {
        let lane = self.0.get_mut(order)?;
        let was_first = lane.front() == Some(&task);
        lane.retain(|other| *other != task);
        let first = lane.front().copied();
        if first.is_none() {
            self.0.remove(order);
        }
        first.filter(|_| was_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(priority: u8, submitted: u64) -> Place {
        Place { priority: Reverse(priority), submitted, task: TaskId(submitted) }
    }

    fn tags(names: &[&str]) -> Tags {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_highest_priority_goes_first_and_then_the_oldest_that_the_worker_is_good_for() {
        let mut queue = Queue::default();
        queue.insert(&tags(&[]), place(0, 1));
        queue.insert(&tags(&[]), place(0, 2));
        queue.insert(&tags(&["gpu"]), place(5, 3));
        queue.insert(&tags(&["gpu", "ssd"]), place(5, 4));
        assert_eq!(queue.best(&tags(&[])), Some(TaskId(1)));
        assert_eq!(queue.best(&tags(&["gpu"])), Some(TaskId(3)));
        queue.remove(&tags(&["gpu"]), place(5, 3));
        assert_eq!(queue.best(&tags(&["gpu"])), Some(TaskId(1)));
        assert_eq!(queue.best(&tags(&["gpu", "ssd"])), Some(TaskId(4)));
        for (needs, place) in [(tags(&[]), place(0, 1)), (tags(&[]), place(0, 2))] {
            queue.remove(&needs, place);
        }
        assert_eq!(queue.best(&tags(&["gpu"])), None);
        assert!(!queue.is_empty());
    }

    #[test]
    fn of_a_lane_one_goes_at_a_time_in_the_order_of_joining() {
        let (mut lanes, disk) = (Lanes::default(), Bytes::from("disk"));
        assert!(lanes.join(&disk, TaskId(1)));
        assert!(!lanes.join(&disk, TaskId(2)) && !lanes.join(&disk, TaskId(3)));
        assert_eq!(lanes.leave(&disk, TaskId(2)), None);
        assert!(lanes.is_first(&disk, TaskId(1)) && !lanes.is_first(&disk, TaskId(3)));
        assert_eq!(lanes.leave(&disk, TaskId(1)), Some(TaskId(3)));
        assert_eq!(lanes.leave(&disk, TaskId(3)), None);
        assert!(lanes.0.is_empty());
    }
}
