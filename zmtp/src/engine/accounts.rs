//! What a peer has asked of us lately, beside messages that are received.

use std::time::Duration;

use tokio::time::Instant;

use crate::monitor::Flood;
use crate::options::Budget;
use crate::pipe::Toll;

/// Until when a peer is in our debt, for each kind of work. A connection that never asked for any has none.
#[derive(Debug)]
pub(crate) struct Accounts {
    commands: Instant,
    subscriptions: Instant,
    unwanted: Instant,
    /// What is not charged yet.
    toll: Toll,
}

impl Accounts {
    pub(crate) fn open() -> Box<Self> {
        let now = Instant::now();
        Box::new(Self { commands: now, subscriptions: now, unwanted: now, toll: Toll::default() })
    }

    /// What is to be charged next.
    pub(crate) fn toll(&mut self) -> &mut Toll {
        &mut self.toll
    }

    /// Charges for what has come by now: so many commands, and [`toll`](Self::toll).
    ///
    /// # Errors
    /// It is more than the budget of a second.
    pub(crate) fn charge(&mut self, commands: u32, budget: &Budget, now: Instant) -> Result<(), Flood> {
        let toll = std::mem::take(&mut self.toll);
        let accounts = [
            (&mut self.commands, commands, budget.commands, Flood::Commands),
            (&mut self.subscriptions, toll.subscriptions, budget.subscriptions, Flood::Subscriptions),
            (&mut self.unwanted, toll.unwanted, budget.unwanted, Flood::Unwanted),
        ];
        for (until, items, per_second, flood) in accounts {
            if items == 0 {
                continue;
            }
            let nanos = (u64::from(items) * NANOS).checked_div(u64::from(per_second)).unwrap_or(u64::MAX);
            let cost = Duration::from_nanos(nanos);
            *until = (*until).max(now).checked_add(cost).ok_or(flood)?;
            if *until > now + SECOND {
                return Err(flood);
            }
        }
        Ok(())
    }
}

const SECOND: Duration = Duration::from_secs(1);
const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { commands: 10, subscriptions: 100, unwanted: 0 };

    #[test]
    fn a_seconds_worth_may_come_at_once_and_again_after_a_second() {
        let mut accounts = Accounts::open();
        let start = Instant::now();
        for second in 0..5 {
            assert_eq!(accounts.charge(10, &BUDGET, start + second * SECOND), Ok(()));
        }
        // A quiet time is not saved up.
        assert_eq!(accounts.charge(11, &BUDGET, start + 100 * SECOND), Err(Flood::Commands));

        let mut accounts = Accounts::open();
        let start = Instant::now();
        assert_eq!(accounts.charge(10, &BUDGET, start), Ok(()));
        assert_eq!(accounts.charge(1, &BUDGET, start), Err(Flood::Commands));
    }

    #[test]
    fn each_kind_has_its_own_account_and_a_budget_of_0_is_none() {
        let mut accounts = Accounts::open();
        let now = Instant::now();
        accounts.toll().subscriptions = 100;
        assert_eq!(accounts.charge(10, &BUDGET, now), Ok(()));
        accounts.toll().subscriptions = 1;
        assert_eq!(accounts.charge(0, &BUDGET, now), Err(Flood::Subscriptions));
        accounts.toll().unwanted = 1;
        assert_eq!(accounts.charge(0, &BUDGET, now), Err(Flood::Unwanted));
    }

    #[test]
    fn the_largest_budget_is_more_than_anybody_sends() {
        let budget = Budget { commands: u32::MAX, ..BUDGET };
        assert_eq!(Accounts::open().charge(u32::MAX, &budget, Instant::now()), Ok(()));
    }
}
