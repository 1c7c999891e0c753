//! `zmtp clone module`: commands that run on one of two systems, the one whose server decides.

use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::clone::{ModulesConfig, Place, Supervisor, Switch};

use crate::clone::modules::Crew;
use crate::clone::servers::{Servers, place};
use crate::clone::{entry, keys};
use crate::exit::{Exit, say};
use crate::output::Output;
use crate::signals::Signals;
use crate::units;

/// Run modules while this system's own server decides, and never while those of the other system run
///
/// One of these runs on each of two machines, beside its server of a pair. When its server decides, and the modules of the
/// other system are off for sure, it starts its own; when another server decides, or nobody is heard, it stops them, in time.
/// They are off for sure when the other system has said so, when it was not heard for --ttl, or when --fence-cmd has ended
/// with 0. First of all they are stopped.
///
/// Prints `on` with the epoch, and `off`, with a tab between. Commands are run by `sh`, each in a process group of its own;
/// ZMTP_CLONE_CONNECT says where their server is. Run this by a service manager that kills all that is left when it dies.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Module {
    /// This system's own server; one of --connect
    #[arg(long, value_name = "EP", value_parser = place, help_heading = "System")]
    own: Place,

    /// This system's name; the other one has another. The own server's address, unless given
    #[arg(long, value_name = "NAME", value_parser = keys::key(), help_heading = "System")]
    system: Option<Bytes>,

    /// The key that says which system is on, the same for both
    #[arg(long, value_name = "KEY", default_value = "modules", value_parser = keys::key(), help_heading = "System")]
    key: Bytes,

    /// A module: it runs while the system is on, and is started again if it ends (repeatable)
    #[arg(long, value_name = "COMMAND", required_unless_present = "on_active", help_heading = "Modules")]
    run: Vec<String>,

    /// Run once when the system is on, to start modules
    #[arg(long, value_name = "COMMAND", requires = "on_fenced", help_heading = "Modules")]
    on_active: Option<String>,

    /// Run once when it is off, to stop them; if it does not end with 0 it is run again
    #[arg(long, value_name = "COMMAND", help_heading = "Modules")]
    on_fenced: Option<String>,

    /// Run when the other system is not heard, to switch it off: 0 says that it is off for sure
    #[arg(long, value_name = "COMMAND", help_heading = "Modules")]
    fence_cmd: Option<String>,

    /// A system that is not heard for D counts as off; the same for both
    #[arg(long, value_name = "D", default_value = "3s", value_parser = keys::ttl, help_heading = "Time")]
    ttl: Duration,

    /// How long modules may take to stop, before they are killed; at most half of --ttl
    #[arg(long, value_name = "D", default_value = "1s", value_parser = units::pause, help_heading = "Time")]
    grace: Duration,

    /// Print objects: event, and epoch
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Module {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let mut output = entry::output(self.json);
        let mut crew = self.crew();
        let mut supervisor = self.supervisor()?;
        let mut signal = None;
        loop {
            let switch = tokio::select! {
                switch = supervisor.next() => switch,
                number = signals.next(), if signal.is_none() => {
                    signal = Some(number);
                    supervisor.leave();
                    continue;
                }
            };
            match switch {
                Some(Switch::On { epoch }) => {
                    self.tell(&mut output, "on", Some(epoch)).await?;
                    crew.start(epoch);
                }
                Some(Switch::Off { by }) => {
                    loop {
                        tokio::select! {
                            is_off = crew.stop(by) => if is_off { break },
                            number = signals.next() => {
                                if signal.replace(number).is_some() {
                                    say("ended at once: modules may be on");
                                    return Ok(Exit::Signal(number));
                                }
                                supervisor.leave();
                            }
                        }
                    }
                    if let Some(late) = Instant::now().checked_duration_since(by).filter(|late| *late > LATE)
                    {
                        say(format_args!("the modules were off {} too late", units::show(late)));
                    }
                    self.tell(&mut output, "off", None).await?;
                    supervisor.stopped();
                }
                Some(Switch::Fence) => supervisor.fenced(self.fence(&crew).await),
                None => break,
            }
        }
        Ok(signal.map_or(Exit::Done, Exit::Signal).after_writing(&mut output).await)
    }

    fn crew(&self) -> Crew {
        let own = self.own.control.to_string();
        Crew::new(self.run.clone(), self.on_active.clone(), self.on_fenced.clone(), own)
    }

    fn supervisor(&self) -> Result<Supervisor, Exit> {
        let Some(own) = self.servers.all().iter().position(|place| *place == self.own) else {
            return Err(Exit::Usage(format!(
                "--own {} is none of --connect; expected one of them",
                self.own.control
            )));
        };
        if self.servers.all().len() < 2 {
            return Err(Exit::Usage("one server has no other system; expected two --connect".to_owned()));
        }
        let system = self.system.clone().unwrap_or_else(|| self.own.control.to_string().into());
        let config = ModulesConfig {
            own,
            key: self.key.clone(),
            ttl: self.ttl,
            grace: self.grace,
            can_fence: self.fence_cmd.is_some(),
            ..ModulesConfig::of(system)
        };
        Ok(Supervisor::start(self.servers.all().to_vec(), self.servers.config(&self.key), config))
    }

    async fn fence(&self, crew: &Crew) -> bool {
        let Some(command) = &self.fence_cmd else { return false };
        say("the other system is not heard: --fence-cmd is run");
        match crew.command(command, Instant::now() + FENCE).await {
            Ok(()) => true,
            Err(why) => {
                say(format_args!("--fence-cmd: {why}; the other system counts as on for its time"));
                false
            }
        }
    }

    async fn tell(&self, output: &mut Output, event: &str, epoch: Option<u64>) -> Result<(), Exit> {
        let line = match epoch {
            _ if self.json => json!({ "event": event, "epoch": epoch }).to_string().into(),
            Some(epoch) => Message::new(event.to_owned()).with(epoch.to_string()),
            None => Message::new(event.to_owned()),
        };
        output.print(line).await
    }
}

/// How long a fence may take.
const FENCE: Duration = Duration::from_secs(30);
/// It takes some time to say that they are off.
const LATE: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  Two modules of the first of two systems; the second one has --own tcp://10.0.0.2:5556:
    zmtp clone module --own tcp://10.0.0.1:5556 --connect tcp://10.0.0.1:5556 --connect tcp://10.0.0.2:5556 \\
      --run ./arm --run './camera --fast'
  Services, which start and stop by themselves:
    zmtp clone module --own tcp://10.0.0.1:5556 --connect tcp://10.0.0.1:5556 --connect tcp://10.0.0.2:5556 \\
      --on-active 'systemctl start robot.target' --on-fenced 'systemctl stop robot.target'

Exit codes: 128 and the signal's number, when all is off; a second signal does not wait for that.";
