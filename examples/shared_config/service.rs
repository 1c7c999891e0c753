//! A service: it follows what concerns all and what concerns itself.

use tokio::task::JoinHandle;
use zmtp_patterns::clone::{Client, ClientConfig, Place, Tree, Version, Watched};

use crate::show::Row;

/// A service that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    client: Client,
    task: JoinHandle<()>,
}

impl Service {
    pub(crate) fn start(place: &Place, name: &'static str, row: Row) -> Self {
        let client =
            Client::start(vec![place.clone()], ClientConfig::of(["all/".to_owned(), format!("{name}/")]));
        let task = tokio::spawn(follow(client.clone(), row));
        Self { name, client, task }
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// Waits until it has been told what there is.
    pub(crate) async fn ready(&self) {
        self.client.ready().await;
    }

    /// How many settings it goes by when it has seen this change.
    pub(crate) async fn settings_at(&self, version: Version) -> u64 {
        self.client.wait_for(version).await.tree.len()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Shows what it goes by, whenever that changes. Reading it would take no time: it is in this process.
async fn follow(client: Client, row: Row) {
    let mut watch = client.watch("");
    while let Some(word) = watch.next().await {
        match word {
            Watched::Now(tree) => row.show(&settings(&tree)),
            Watched::Changed(_) => row.show(&settings(&client.state().tree)),
            Watched::Health(health) => row.show(&format!("{health:?}: {}", settings(&client.state().tree))),
        }
    }
}

/// `level=info port=80`
fn settings(tree: &Tree) -> String {
    let setting = |key: &[u8], value: &[u8]| {
        let name = key.rsplit(|octet| *octet == b'/').next().unwrap_or(key);
        format!("{}={}", name.escape_ascii(), value.escape_ascii())
    };
    let settings: Vec<_> = tree.iter(b"").map(|(key, entry)| setting(key, &entry.value)).collect();
    if settings.is_empty() { "nothing yet".to_owned() } else { settings.join(" ") }
}
