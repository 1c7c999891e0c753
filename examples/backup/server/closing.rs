//! After the last worker has gone: who has done what, the archive, and a last look at every copy.

use std::{collections::BTreeMap, path::Path};

use tokio::task::spawn_blocking;

use super::Shop;
use crate::{
    events::{Event, Failure, Row, Summary},
    folders::{Archived, Tree, archive},
    outcome::{Outcome, Results, State},
};

impl Shop {
    /// Who has done what, as far as it is known before anything is read back.
    pub(super) fn settle(&self, results: &Results) -> Summary {
        let (duplicates, resent) = (results.duplicates, results.resent);
        let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
        for worker in &results.workers {
            rows.entry(worker).or_default();
        }
        let copies = self.in_place.len();
        let mut summary = Summary { duplicates, resent, copies, ..Summary::default() };
        for (state, plan) in results.states.iter().zip(&self.setup.plans) {
            match state {
                State::Done(Outcome { worker, copied, .. }) => {
                    let row = rows.entry(worker).or_default();
                    row.jobs += 1;
                    row.files += copied.files;
                    row.bytes += copied.bytes;
                    row.took += copied.took;
                }
                State::Failed(text) => {
                    summary.failures.push(Failure { folder: plan.name.clone(), text: text.clone() });
                }
                State::Open | State::Accepted => unreachable!("the work is over"),
            }
        }
        let name = |worker: &str| if worker.is_empty() { "(no name)" } else { worker }.to_owned();
        summary.workers = rows.into_iter().map(|(worker, row)| Row { worker: name(worker), ..row }).collect();
        summary.trouble = results.trouble.as_ref().map(ToString::to_string);
        summary
    }

    /// Reads every new backup, compares it with what its worker has reported, and archives it.
    pub(super) async fn archive(&mut self, results: &Results, summary: &mut Summary) {
        for (id, plan) in self.setup.plans.iter().enumerate() {
            let State::Done(outcome) = &results.states[id] else { continue };
            if !self.in_place.contains(&id) {
                continue;
            }
            let (backup, into) = (self.setup.store.backup(&plan.name), self.setup.archive.join(&plan.name));
            let (digest, today) = (outcome.copied.digest.clone(), self.setup.today);
            let archived = tokio::select! {
                archived = spawn_blocking(move || second_stage(&backup, &digest, &into, today)) => archived,
                () = self.interrupt.next() => Ok(Err("interrupted".into())),
            };
            let folder = plan.name.clone();
            match archived.unwrap_or_else(|panic| Err(panic.to_string())) {
                Ok(Archived { kind, files, bytes, tar }) => {
                    summary.digests_agree += 1;
                    self.show.tell(&Event::Archived { folder, kind: kind.name(), files, bytes, file: tar });
                }
                Err(text) => {
                    self.show.tell(&Event::NotArchived { folder: folder.clone(), text: text.clone() });
                    summary.failures.push(Failure { folder, text });
                }
            }
        }
    }
}

fn second_stage(backup: &Path, digest: &str, into: &Path, today: time::Date) -> Result<Archived, String> {
    let tree = Tree::read(backup).map_err(|fault| fault.to_string())?;
    if !digest.is_empty() && tree.digest() != digest {
        return Err(format!("{}: not what the worker says it has copied", backup.display()));
    }
    archive(backup, &tree, into, today).map_err(|fault| fault.to_string())
}
