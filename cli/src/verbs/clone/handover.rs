//! `zmtp clone handover` and `zmtp clone promote`: who of a pair decides from now on.

use std::time::{Duration, Instant};

use clap::Args;
use tokio::time::{sleep, timeout};
use zmtp_patterns::clone::Order;

use crate::clone::operators::{self, SOON, reports};
use crate::clone::servers::Servers;
use crate::exit::{Exit, say};

/// Let the other server of a pair decide
///
/// The one who decides stops to take writes; as soon as the other one has everything, that one takes them. Clients follow
/// it. Give both: --connect for each.
#[derive(Debug, Args)]
#[command(after_help = HANDOVER)]
pub(crate) struct Handover {
    #[command(flatten)]
    servers: Servers,
}

/// Let this server decide, even if the rules do not allow it
///
/// For when the other one is gone for good: what that one had in advance is lost. With a witness it needs that one's word
/// all the same.
#[derive(Debug, Args)]
#[command(after_help = PROMOTE)]
pub(crate) struct Promote {
    #[command(flatten)]
    servers: Servers,
}

impl Handover {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let (places, security, limit) = (self.servers.all(), self.servers.security(), self.servers.timeout());
        let begun = Instant::now();
        let told = reports(places, &security, limit.min(SOON)).await;
        let Some(active) = told.iter().find(|told| told.is_active()) else {
            return Err(self.servers.too_late(": none of them decides"));
        };
        let Some(mut operator) = operators::operator(&active.place, security.clone()) else {
            return Err(self.servers.too_late(""));
        };
        let done = timeout(limit, operator.order(Order::HandOver)).await.ok().flatten();
        match done {
            Some(true) => {}
            Some(false) => {
                return Err(Exit::Refused(format!(
                    "{} has no standby that follows; see `zmtp clone status`",
                    active.place.control
                )));
            }
            None => return Err(self.servers.too_late("")),
        }
        while begun.elapsed() < limit {
            let told = reports(places, &security, limit.min(SOON)).await;
            let other = told.iter().find(|told| told.is_active() && told.place != active.place);
            if let Some(other) = other {
                let millis = begun.elapsed().as_secs_f64() * 1e3;
                say(format_args!("{} decides now, after {millis:.1} ms", other.place.control));
                return Ok(Exit::Done);
            }
            sleep(PAUSE).await;
        }
        Err(self.servers.too_late(": nobody decides yet"))
    }
}

impl Promote {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let (places, limit) = (self.servers.all(), self.servers.timeout());
        let [place] = places else {
            return Err(Exit::Usage("which one is to decide? expected one --connect".to_owned()));
        };
        let Some(mut operator) = operators::operator(place, self.servers.security()) else {
            return Err(self.servers.too_late(""));
        };
        match timeout(limit, operator.order(Order::Promote)).await.ok().flatten() {
            Some(true) => Ok(Exit::Done),
            Some(false) => Err(Exit::Refused(format!(
                "{} decides already, is not one of a pair, has a twin (both are primary, or both backup), or its witness \
                 does not let it; see `zmtp clone status`",
                place.control
            ))),
            None => Err(self.servers.too_late("")),
        }
    }
}

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);

const HANDOVER: &str = "\
Examples:
  Before the machine of the one who decides is switched off:
    zmtp clone handover --connect tcp://10.0.0.1:5556 --connect tcp://10.0.0.2:5556

Exit codes: 0 the other one decides; 2 nobody answers, or nobody decides in time; 4 there is no standby that follows.";

const PROMOTE: &str = "\
Examples:
  The other one has burnt down:
    zmtp clone promote --connect tcp://10.0.0.2:5556

Exit codes: 0 done; 2 it does not answer; 4 it decides already, or may not.";
