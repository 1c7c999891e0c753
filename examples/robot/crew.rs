//! The modules of one system, which are all on or all off.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use zmtp_patterns::clone::{Client, Place, Supervisor, Switch};

use crate::modules::{Module, Room};
use crate::show::{Row, Show};
use crate::watchman::{Seen, Watchman};

/// The modules, and what they need.
#[derive(Debug)]
pub(crate) struct Crew {
    system: usize,
    rows: [(Module, Arc<Row>); 3],
    /// Whether there is a table, or a line for everything that is shown.
    is_table: bool,
    room: Arc<Room>,
    watchman: Arc<Watchman>,
}

/// A module that is on, as it is shown.
#[derive(Debug)]
struct On {
    row: Arc<Row>,
    is_table: bool,
    last: String,
    _seen: Seen,
}

impl Crew {
    /// They are off.
    pub(crate) fn new(
        system: usize,
        name: &str,
        show: &Show,
        room: &Arc<Room>,
        watchman: &Arc<Watchman>,
    ) -> Self {
        let rows = Module::ALL.map(|module| {
            let row = show.row(&format!("{name} {}", module.name()));
            row.show("off");
            (module, Arc::new(row))
        });
        Self {
            system,
            rows,
            is_table: show.is_terminal(),
            room: Arc::clone(room),
            watchman: Arc::clone(watchman),
        }
    }

    /// Switches them on and off, as it is told, and says which they are.
    pub(crate) async fn obey(
        self,
        mut supervisor: Supervisor,
        servers: Vec<Place>,
        is_on: watch::Sender<bool>,
    ) {
        let mut modules = JoinSet::new();
        while let Some(switch) = supervisor.next().await {
            match switch {
                Switch::On { .. } => {
                    self.start(&servers, &mut modules);
                    is_on.send_replace(true);
                }
                Switch::Off { .. } => {
                    // Each stops where it waits, and that is soon. Only when the last one has ended they are off.
                    modules.shutdown().await;
                    is_on.send_replace(false);
                    supervisor.stopped();
                }
                Switch::Fence => supervisor.fenced(false),
            }
        }
    }

    fn start(&self, servers: &[Place], modules: &mut JoinSet<()>) {
        for (module, row) in &self.rows {
            let module = *module;
            let mut on = On::new(Arc::clone(row), self.is_table, self.watchman.see(self.system));
            let (servers, room) = (servers.to_vec(), Arc::clone(&self.room));
            modules.spawn(async move {
                let client = Client::start(servers, module.config());
                if let Err(error) = module.work(&client, &room, |what| on.say(what)).await {
                    on.say(error.to_string());
                }
            });
        }
    }
}

impl On {
    fn new(row: Arc<Row>, is_table: bool, seen: Seen) -> Self {
        row.show("on");
        Self { row, is_table, last: String::new(), _seen: seen }
    }

    fn say(&mut self, what: String) {
        self.last = what;
        if self.is_table {
            self.row.show(&format!("on   {}", self.last));
        }
    }
}

impl Drop for On {
    fn drop(&mut self) {
        self.row.show(&format!("off  {}", self.last));
    }
}
