//! Orders by way of a balancer, which does the desk's work: barrier, credit, orders that are lost with a
//! worker, stop orders. What is left is to tell of it, to put results in place, and to say when it is over.
//!
//! The balancer tells which *task* went to whom, and names a task by a number that nobody else knows. But it
//! begins tasks in the order of their submission, so the next unknown one is the next job that was submitted.
//! It tries again what is lost with its worker. What a worker says has failed is submitted again from here,
//! as the balancer does not show the failures before the last.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use zmtp_patterns::{
    Backoff,
    balancer::{
        Balancer, Client, Config, Ending, Expect, Job, Notice, Outcome as Answer, SubmitError,
        job::{TaskId, WorkerId},
    },
};

use super::{Shop, near, until};
use crate::{
    events::{Event, Span},
    outcome::{Outcome, Results, State, Trouble},
    protocol::{Copied, Report, Task, name_fault},
};

pub(super) struct Balanced {
    balancer: Arc<Balancer>,
    client: Client,
    notices: Receiver<Notice>,
    answers: JoinSet<(usize, Result<Answer, SubmitError>)>,
    records: Vec<Record>,
    /// Jobs that were submitted and not begun since, in order.
    queue: VecDeque<usize>,
    /// What was begun and has not ended.
    begun: HashMap<TaskId, Begun>,
    /// Whoever is there.
    present: BTreeMap<WorkerId, String>,
    workers: BTreeSet<String>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Gathering,
    /// Since when nobody has been there, if nobody is.
    Working(Option<Instant>),
    Stopping,
}

#[derive(Debug, Default)]
struct Record {
    state: State,
    attempts: u32,
    /// Attempts that were lost or have failed.
    failures: u32,
    last_failure: Option<String>,
}

/// A job, and who has it.
struct Begun {
    job: usize,
    worker: Option<WorkerId>,
}

impl Balanced {
    /// Binds the balancer's socket and starts the workers.
    pub(super) async fn start(shop: &mut Shop) -> Result<Self, String> {
        let (router, dealer) = (Balancer::socket().build(), Client::socket().build());
        let rules = &shop.setup.rules;
        let at = router.bind(shop.setup.orders.clone()).await.map_err(|error| error.to_string())?;
        dealer.connect(near(&at).as_str()).map_err(|error| error.to_string())?;
        let expect = Expect { workers: rules.workers, at_least: rules.min, within: rules.ready_timeout };
        let config = Config {
            expect: Some(expect),
            liveness: LIVENESS,
            backoff: Backoff { first: Duration::ZERO, longest: Duration::ZERO },
            drain_grace: rules.grace,
            queue: usize::MAX,
            queue_bytes: usize::MAX,
            ..Config::default()
        };
        let balancer = Arc::new(Balancer::start(router, config));
        let notices = balancer.notices();
        shop.show.tell(&Event::Listening { orders: at.to_string(), reports: None });
        let mut workers = BTreeSet::new();
        for (worker, pid) in shop.spawn(&[("--orders", near(&at))])? {
            workers.insert(worker.clone());
            shop.show.tell(&Event::WorkerStarted { worker, pid });
        }
        Ok(Self {
            balancer,
            client: Client::start(dealer),
            notices,
            answers: JoinSet::new(),
            records: shop.setup.plans.iter().map(|_| Record::default()).collect(),
            queue: VecDeque::new(),
            begun: HashMap::new(),
            present: BTreeMap::new(),
            workers,
            phase: Phase::Gathering,
        })
    }

    /// Until everything is done or given up, and everybody gone.
    pub(super) async fn run(mut self, shop: &mut Shop) -> Results {
        for job in 0..self.records.len() {
            self.submit(shop, job).await;
        }
        let trouble = self.work(shop).await.err();
        let why = trouble.as_ref().map_or_else(|| "all folders are settled".to_owned(), ToString::to_string);
        for record in self.records.iter_mut().filter(|record| !record.state.is_settled()) {
            record.state = State::Failed(record.last_failure.take().unwrap_or_else(|| why.clone()));
        }
        self.phase = Phase::Stopping;
        shop.show.tell(&Event::Stopping { why, attached: self.present.len() });
        let status = self.balancer.status().await;
        self.dismiss(shop, trouble.is_some()).await;
        Results {
            resent: self.records.iter().map(|record| u64::from(record.attempts.saturating_sub(1))).sum(),
            states: self.records.into_iter().map(|record| record.state).collect(),
            workers: self.workers.into_iter().collect(),
            duplicates: status.map_or(0, |status| status.counters.stale_results),
            trouble,
        }
    }

    async fn submit(&mut self, shop: &Shop, job: usize) {
        let Record { attempts, failures, .. } = self.records[job];
        let destination = shop.setup.store.partial(job, attempts + 1).to_string_lossy().into_owned();
        let source = shop.setup.plans[job].source.clone();
        let task = Task { job, attempt: attempts + 1, source, destination };
        let left = (shop.setup.rules.retries + 1).saturating_sub(failures);
        let order = Job {
            hard_limit: shop.setup.rules.missed_after(),
            max_attempts: Some(u16::try_from(left).unwrap_or(u16::MAX)),
            ..Job::new(format!("{job}.{}", attempts + 1), task.to_payload())
        };
        self.queue.push_back(job);
        let submitted = self.client.submit(order).await;
        self.answers.spawn(async move {
            match submitted {
                Ok(handle) => (job, handle.outcome().await),
                Err(error) => (job, Err(error)),
            }
        });
    }

    /// Until every job is settled.
    async fn work(&mut self, shop: &mut Shop) -> Result<(), Trouble> {
        let patience = shop.setup.rules.ready_timeout;
        while !self.records.iter().all(|record| record.state.is_settled()) {
            if shop.setup.spawn > 0 && shop.pool.len() == 0 && self.present.is_empty() {
                return Err(match self.phase {
                    Phase::Gathering => Trouble::TimedOut(format!(
                        "0 of {} workers ready: every process has exited",
                        shop.setup.rules.workers
                    )),
                    _ => Trouble::NobodyLeft,
                });
            }
            let alone = match self.phase {
                Phase::Working(since) => since.map(|since| since + patience),
                _ => None,
            };
            tokio::select! {
                // Whose a result is, before the result.
                biased;
                notice = self.notices.recv() => self.heard(shop, notice).await?,
                Some(Ok((job, answer))) = self.answers.join_next() => self.answered(shop, job, answer).await,
                (worker, how) = shop.pool.exited() => shop.show.tell(&Event::WorkerExited { worker, how }),
                () = shop.interrupt.next() => return Err(Trouble::Interrupted),
                () = until(alone) => {
                    return Err(Trouble::TimedOut(format!("no worker attached for {}", Span(patience))));
                }
            }
        }
        Ok(())
    }

    /// Until everybody has gone, for the grace time at most.
    async fn dismiss(&mut self, shop: &mut Shop, now: bool) {
        let balancer = Arc::clone(&self.balancer);
        let mut drain = pin!(balancer.drain(now));
        let (mut is_drained, mut killed) = (false, false);
        let mut deadline = Instant::now() + shop.setup.rules.grace;
        while !is_drained || shop.pool.len() > 0 {
            tokio::select! {
                biased;
                notice = self.notices.recv() => {
                    // There is nothing to wait for but the end.
                    let _ = self.heard(shop, notice).await;
                }
                _ = &mut drain, if !is_drained => {
                    is_drained = true;
                    // Whoever has never come has not heard of it.
                    shop.pool.terminate();
                }
                (worker, how) = shop.pool.exited() => shop.show.tell(&Event::WorkerExited { worker, how }),
                () = shop.interrupt.next() => deadline = Instant::now(),
                () = sleep_until(deadline) => {
                    let (processes, attached) = (shop.pool.len(), self.present.len());
                    let workers = self.present.values().cloned().collect();
                    shop.show.tell(&Event::Overstayed { workers, processes, attached });
                    if killed || processes == 0 {
                        return;
                    }
                    (killed, deadline) = (true, Instant::now() + KILL_TIME);
                    shop.pool.kill();
                }
            }
        }
    }

    async fn heard(&mut self, shop: &mut Shop, notice: Result<Notice, RecvError>) -> Result<(), Trouble> {
        let notice = match notice {
            Ok(notice) => notice,
            Err(missed) => {
                shop.show.tell(&Event::Note { text: format!("notices missed: {missed}") });
                return Ok(());
            }
        };
        match notice {
            Notice::Came(worker, _) => {
                let name = self.name_of(worker).await;
                self.workers.insert(name.clone());
                if self.present.insert(worker, name.clone()).is_none() {
                    let ready = self.present.len();
                    shop.show.tell(&Event::Ready { worker: name, ready, attached: ready });
                }
                self.note_whether_alone();
            }
            Notice::Open(ready) => {
                let (jobs, wanted) = (self.records.len(), shop.setup.rules.workers);
                shop.show.tell(&Event::Work { jobs, wanted, ready, attached: self.present.len() });
                self.phase = Phase::Working(None);
                self.note_whether_alone();
            }
            Notice::TooFew(ready) => {
                let rules = &shop.setup.rules;
                return Err(Trouble::TimedOut(format!(
                    "{ready} of {} workers ready after {}, at least {} wanted",
                    rules.workers,
                    Span(rules.ready_timeout),
                    rules.min
                )));
            }
            Notice::Leased(task, worker) => self.leased(shop, task, worker),
            Notice::Lost(worker) => self.lost(shop, worker),
            Notice::Ended(task, _) => _ = self.begun.remove(&task),
            _ => {}
        }
        Ok(())
    }

    fn leased(&mut self, shop: &mut Shop, task: TaskId, worker: WorkerId) {
        if !self.begun.contains_key(&task) {
            let Some(job) = self.queue.pop_front() else { return };
            self.begun.insert(task, Begun { job, worker: None });
        }
        let Some(begun) = self.begun.get_mut(&task) else { return };
        let (job, before) = (begun.job, begun.worker.replace(worker));
        if before.is_some() {
            self.tell_lost(shop, job);
        }
        self.records[job].attempts += 1;
        let (attempt, folder) = (self.records[job].attempts, shop.setup.plans[job].name.clone());
        let worker = self.present.get(&worker).cloned().unwrap_or_else(|| worker.to_string());
        shop.show.tell(&Event::Sent { job, attempt, folder: folder.clone() });
        shop.show.tell(&Event::Started { job, attempt, folder, worker });
    }

    fn lost(&mut self, shop: &mut Shop, worker: WorkerId) {
        let Some(name) = self.present.remove(&worker) else { return };
        self.note_whether_alone();
        if self.phase == Phase::Stopping {
            return shop.show.tell(&Event::Bye { worker: name });
        }
        shop.show.tell(&Event::PeerLost { attached: self.present.len() });
        let had = self.begun.values_mut().filter(|begun| begun.worker == Some(worker));
        let had: Vec<_> = had
            .map(|begun| {
                begun.worker = None;
                begun.job
            })
            .collect();
        for job in had {
            self.tell_lost(shop, job);
        }
    }

    fn tell_lost(&self, shop: &mut Shop, job: usize) {
        let folder = shop.setup.plans[job].name.clone();
        shop.show.tell(&Event::Lost { job, attempt: self.records[job].attempts, folder: folder.clone() });
        shop.show.tell(&Event::Again { job, folder });
    }

    async fn answered(&mut self, shop: &mut Shop, job: usize, answer: Result<Answer, SubmitError>) {
        let (record, folder) = (&mut self.records[job], shop.setup.plans[job].name.clone());
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                record.state = State::Failed(error.to_string());
                return shop.show.tell(&Event::GivenUp { job, folder });
            }
        };
        let attempt = record.attempts;
        let (worker, text) = match (answer.ending, Report::from_payload(&answer.payload)) {
            (Ending::Done, Ok(Report::Done { worker, attempt, copied, .. })) => {
                let outcome = Outcome { worker: worker.clone(), attempt, copied };
                match shop.commit(job, &outcome) {
                    Ok(()) => {
                        let Copied { files, bytes, digest, .. } = outcome.copied.clone();
                        shop.show.tell(&Event::Done { job, attempt, folder, worker, files, bytes, digest });
                        record.state = State::Done(outcome);
                        return;
                    }
                    Err(fault) => (Some(worker), fault.to_string()),
                }
            }
            (_, Ok(Report::Failed { worker, text, .. })) => (Some(worker), text),
            // No worker has said what went wrong, or it makes no sense.
            _ => (None, String::from_utf8_lossy(&answer.payload).into_owned()),
        };
        shop.show.tell(&match worker {
            Some(worker) => {
                Event::Failed { job, attempt, folder: folder.clone(), worker, text: text.clone() }
            }
            None => Event::Lost { job, attempt, folder: folder.clone() },
        });
        record.failures += u32::from(answer.attempts);
        if record.failures > shop.setup.rules.retries {
            record.state = State::Failed(text);
            return shop.show.tell(&Event::GivenUp { job, folder });
        }
        record.last_failure = Some(text);
        shop.show.tell(&Event::Again { job, folder });
        self.submit(shop, job).await;
    }

    async fn name_of(&self, worker: WorkerId) -> String {
        let workers = self.balancer.status().await.map(|status| status.workers).unwrap_or_default();
        let known = workers.into_iter().find(|known| known.worker == worker);
        let known = known.filter(|known| !known.host.is_empty() && name_fault(&known.host).is_none());
        known.map_or_else(|| worker.to_string(), |known| known.host)
    }

    fn note_whether_alone(&mut self) {
        if let Phase::Working(since) = &mut self.phase {
            *since = self.present.is_empty().then(|| since.unwrap_or_else(Instant::now));
        }
    }
}

/// Beats that may be missed: a busy machine is late with them, and a connection that has ended is seen anyway.
const LIVENESS: u32 = 10;
/// How long a killed process may take to be seen dead.
const KILL_TIME: Duration = Duration::from_secs(2);
