//! The ventilator and its workers over real sockets. What libzmq has to say of them is in the workspace's own tests.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use zmtp::{Message, PullSocket, PushSocket};
use zmtp_patterns::classic::{
    Config, Ending, Expect, Gone, Job, Notice, RunError, Summary, TooFew, Twice, Ventilator, Worker,
};

/// A ventilator's sockets, bound, and where.
struct Place {
    orders: PushSocket,
    reports: PullSocket,
    at: [String; 2],
}

impl Place {
    async fn open() -> Self {
        Self::with(Ventilator::orders().build()).await
    }

    async fn with(orders: PushSocket) -> Self {
        let (reports, any) = (Ventilator::reports().build(), "tcp://127.0.0.1:*");
        let at = [orders.bind(any).await.unwrap().to_string(), reports.bind(any).await.unwrap().to_string()];
        Self { orders, reports, at }
    }

    fn ventilator(self, expect: Expect) -> Ventilator {
        Ventilator::new(self.orders, self.reports, patient(expect))
    }
}

/// Nothing takes that long, on the slowest of machines.
fn patient(expect: Expect) -> Config {
    let patience = Duration::from_secs(120);
    Config { expect, ready_within: patience, work_within: Some(patience), grace: patience }
}

fn worker<F>(at: &[String; 2], handler: impl Fn(Bytes) -> F + Send + Sync + 'static) -> JoinHandle<Gone>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let (orders, reports) = (Worker::orders().build(), Worker::reports().build());
    orders.connect(at[0].as_str()).unwrap();
    reports.connect(at[1].as_str()).unwrap();
    tokio::spawn(Worker::new(orders, reports).run(handler))
}

fn jobs(count: usize) -> impl Iterator<Item = Job> {
    (0..count).map(|number| Job::new(format!("job {number}")).unwrap())
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(seconds), future).await.expect("in time")
}

fn all_done(summary: &Summary) -> bool {
    summary.jobs.iter().all(|(_, ending)| *ending == Ending::Done)
        && (summary.duplicates, summary.unknown, summary.nameless, summary.stayed) == (0, 0, 0, 0)
}

#[tokio::test]
async fn b04_each_of_three_workers_that_come_when_they_like_gets_something_100_times_of_100() {
    async fn run() -> Vec<u64> {
        let place = Place::open().await;
        let at = place.at.clone();
        let mut workers = JoinSet::new();
        for _ in 0..3 {
            let at = at.clone();
            workers.spawn(async move {
                sleep(Duration::from_millis(fastrand::u64(0..=500))).await;
                worker(&at, async |_| Ok(())).await.unwrap().done
            });
        }
        let summary = place.ventilator(Expect::All(3)).run(jobs(5)).await.unwrap();
        assert!(all_done(&summary), "{summary:?}");
        workers.join_all().await
    }
    for _ in 0..4 {
        let mut runs = JoinSet::new();
        (0..25).for_each(|_| _ = runs.spawn(run()));
        for done in within(120, runs.join_all()).await {
            assert!(done.iter().sum::<u64>() == 5 && done.iter().all(|done| *done >= 1), "{done:?}");
        }
    }
}

/// 200 workers while others want the processors too. A hundred of them come only when somebody who sleeps has woken up.
struct Crowd {
    awake: Arc<Notify>,
    with_work: Arc<Mutex<BTreeSet<usize>>>,
    workers: JoinSet<u64>,
}

impl Crowd {
    fn gather(at: &[String; 2]) -> Self {
        let (awake, with_work) = (Arc::new(Notify::new()), Arc::new(Mutex::new(BTreeSet::new())));
        let mut workers = JoinSet::new();
        for number in 0..200 {
            let (awake, with_work, at) = (Arc::clone(&awake), Arc::clone(&with_work), at.clone());
            workers.spawn(async move {
                if number < 100 {
                    sleep(Duration::from_millis(fastrand::u64(0..300))).await;
                } else {
                    awake.notified().await;
                    // So that the next one gets up, too.
                    awake.notify_one();
                }
                let handler = move |_| {
                    with_work.lock().unwrap().insert(number);
                    async { Ok(()) }
                };
                worker(&at, handler).await.unwrap().done
            });
        }
        Self { awake, with_work, workers }
    }
}

/// The article sleeps for three seconds. A tenth is as good an example.
const SLEEP: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b05_of_200_workers_under_load_a_sleep_misses_some_and_the_handshake_none() {
    let _load = Load::start(4);

    let mut place = Place::open().await;
    let crowd = Crowd::gather(&place.at);
    sleep(SLEEP).await;
    for order in jobs(200).map(|job| job.order().clone()).chain([(); 200].map(|()| "KILL".into())) {
        within(60, place.orders.send(order)).await.unwrap();
    }
    crowd.awake.notify_one();
    let mut ended = 0;
    while ended < 200 {
        ended += usize::from(within(60, place.reports.recv()).await.unwrap() != "1");
    }
    let with_work = crowd.with_work.lock().unwrap().len();
    assert!(with_work <= 100, "{with_work} of 200 workers have had something to do");
    drop((crowd, place));

    let place = Place::open().await;
    let crowd = Crowd::gather(&place.at);
    let awake = Arc::clone(&crowd.awake);
    let sleeper = async {
        sleep(SLEEP).await;
        awake.notify_one();
    };
    let ventilator = place.ventilator(Expect::All(200)).run(jobs(200));
    let (summary, ()) = within(120, async { tokio::join!(ventilator, sleeper) }).await;
    assert!(all_done(&summary.unwrap()));
    let done = within(60, crowd.workers.join_all()).await;
    assert_eq!(done, [1; 200]);
}

/// Keeps processors busy.
struct Load {
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        Self { stop }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn b07_each_job_has_one_accepted_report_and_what_is_too_much_is_counted() {
    let place = Place::open().await;
    let (mut orders, reports) = (PullSocket::new(), PushSocket::new());
    orders.connect(place.at[0].as_str()).unwrap();
    reports.connect(place.at[1].as_str()).unwrap();
    let talker = async move {
        reports.send("1").await.unwrap();
        for name in ["A", "B", "C"] {
            assert_eq!(orders.recv().await.unwrap(), name);
        }
        for report in ["done\tA", "failed\tA\tafter all", "finished", "done\tZ", "failed\tC\texit 1"] {
            reports.send(report).await.unwrap();
        }
        assert_eq!(orders.recv().await.unwrap(), "KILL");
        reports.send("finished").await.unwrap();
        reports.close().await.unwrap();
    };
    let mut notices = Vec::new();
    let jobs = ["A", "B", "C"].map(|name| Job::new(name).unwrap());
    let ventilator = place.ventilator(Expect::Any).run_watched(jobs, |notice| notices.push(notice));
    let (summary, ()) = within(60, async { tokio::join!(ventilator, talker) }).await;
    let summary = summary.unwrap();
    let failed = Ending::Failed("exit 1".into());
    let expected = [("A".into(), Ending::Done), ("B".into(), Ending::Nameless), ("C".into(), failed.clone())];
    assert_eq!(summary.jobs, expected);
    assert_eq!((summary.ended(), summary.nameless, summary.duplicates, summary.unknown), (3, 1, 2, 1));
    let expected = [
        Notice::Open(1),
        Notice::Ended("A".into(), Ending::Done),
        Notice::Duplicate,
        Notice::EndedNameless,
        Notice::Unknown,
        Notice::Ended("C".into(), failed),
        Notice::Stopping(1),
        Notice::Duplicate,
    ];
    assert_eq!(notices, expected);
}

#[tokio::test]
async fn b07_of_a_thousand_jobs_each_is_reported_once() {
    let place = Place::open().await;
    let workers: Vec<_> = (0..7).map(|_| worker(&place.at, async |_| Ok(()))).collect();
    let mut ended = 0;
    let watch = |notice| ended += usize::from(matches!(notice, Notice::Ended(..)));
    let run = place.ventilator(Expect::All(7)).run_watched(jobs(1000), watch);
    let summary = within(60, run).await.unwrap();
    assert!(all_done(&summary), "{summary:?}");
    let mut done = 0;
    for worker in workers {
        done += within(20, worker).await.unwrap().done;
    }
    assert_eq!((ended, done), (1000, 1000));
}

/// One of three dies with its work, a fourth comes in the middle of it.
#[tokio::test]
async fn b08_all_are_stopped_even_if_one_dies_and_one_comes_meanwhile() {
    let place = Place::open().await;
    let at = place.at.clone();
    let (go, (begun, mut has_begun)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
    let busy = |name: usize| {
        let (go, begun) = (Arc::clone(&go), begun.clone());
        worker(&at, move |_| {
            let (go, begun) = (Arc::clone(&go), begun.clone());
            async move {
                begun.send(name).unwrap();
                go.acquire().await.unwrap().forget();
                Ok(())
            }
        })
    };
    let mut workers = VecDeque::from([0, 1, 2].map(&busy));
    let (told, mut news) = watch::channel(0);
    let watch = move |notice| {
        if let Notice::Left(attached) = notice {
            told.send_replace(attached);
        }
    };
    let run = tokio::spawn(place.ventilator(Expect::All(3)).run_watched(jobs(6), watch));
    for _ in 0..3 {
        within(20, has_begun.recv()).await.unwrap();
    }
    workers.pop_front().unwrap().abort();
    within(20, news.wait_for(|attached| *attached == 2)).await.unwrap();
    let newcomer = busy(3);
    assert_eq!(within(20, newcomer).await.unwrap(), Gone::default());
    go.add_permits(6);

    for worker in workers {
        assert_eq!(within(20, worker).await.unwrap().done, 2);
    }
    let summary = within(20, run).await.unwrap().unwrap();
    assert_eq!((summary.ended(), summary.late, summary.stayed), (4, 1, 0));
    let unreported = summary.jobs.iter().filter(|(_, ending)| *ending == Ending::Unreported);
    assert_eq!(unreported.count(), 2);
}

#[tokio::test]
async fn b09_the_wait_for_workers_ends_with_enough_of_them_or_with_a_word() {
    let time = Duration::from_millis(500);
    let config = |expect| Config { ready_within: time, ..patient(expect) };
    for (expect, opens) in [(Expect::AtLeast { least: 2, of: 3 }, true), (Expect::All(3), false)] {
        let place = Place::open().await;
        let workers = [(); 2].map(|()| worker(&place.at, async |_| Ok(())));
        let start = Instant::now();
        let ventilator = Ventilator::new(place.orders, place.reports, config(expect));
        let result = within(20, ventilator.run(jobs(4))).await;
        assert!(start.elapsed() >= time, "{:?}", start.elapsed());
        match result {
            Ok(summary) => assert!(opens && all_done(&summary) && summary.workers == 2),
            Err(error) => {
                assert!(!opens);
                assert_eq!(error, RunError::TooFew(TooFew { ready: 2, attached: 2, wanted: 3 }));
            }
        }
        // They are sent home either way.
        for worker in workers {
            assert_eq!(within(20, worker).await.unwrap().done, if opens { 2 } else { 0 });
        }
    }
}

#[tokio::test]
async fn a_worker_survives_what_its_jobs_do_and_says_so() {
    let place = Place::open().await;
    let worker = worker(&place.at, |order| {
        assert!(order != "worst", "as it should");
        async move {
            match &order[..] {
                b"bad" => Err("exit 1".to_owned()),
                b"worse" => panic!("as it should"),
                _ => Ok(()),
            }
        }
    });
    let jobs = ["bad", "worse", "worst", "good\twith more to be known"].map(|order| Job::new(order).unwrap());
    let summary = within(20, place.ventilator(Expect::Any).run(jobs)).await.unwrap();
    let failed = |why: &str| Ending::Failed(why.into());
    let expected = [
        ("bad".into(), failed("exit 1")),
        ("worse".into(), failed("the worker's handler panicked")),
        ("worst".into(), failed("the worker's handler panicked")),
        ("good".into(), Ending::Done),
    ];
    assert_eq!(summary.jobs, expected);
    assert_eq!(within(20, worker).await.unwrap(), Gone { done: 1, failed: 3, unsent: 0 });
}

#[tokio::test]
async fn a_worker_is_ready_again_for_the_next_ventilator() {
    let Place { orders, reports, at } = Place::open().await;
    let worker = worker(&at, async |_| Ok(()));
    let mut first = reports;
    assert_eq!(within(20, first.recv()).await.unwrap(), "1");
    orders.close().await.unwrap();
    within(20, first.close()).await.unwrap();

    let next = async {
        loop {
            let (orders, reports) = (Ventilator::orders().build(), Ventilator::reports().build());
            if orders.bind(at[0].as_str()).await.is_ok() && reports.bind(at[1].as_str()).await.is_ok() {
                return Ventilator::new(orders, reports, patient(Expect::All(1)));
            }
        }
    };
    let summary = within(20, within(20, next).await.run(jobs(1))).await.unwrap();
    assert!(all_done(&summary), "{summary:?}");
    assert_eq!(within(20, worker).await.unwrap().done, 1);
}

#[tokio::test]
async fn a_worker_reports_jobs_without_a_name_too() {
    let mut place = Place::open().await;
    let worker =
        worker(&place.at, async |order| if order.is_empty() { Ok(()) } else { Err("no".to_owned()) });
    assert_eq!(within(20, place.reports.recv()).await.unwrap(), "1");
    for order in [Message::from(""), Message::from("\n"), Message::from("x".repeat(256))] {
        place.orders.send(order).await.unwrap();
        assert_eq!(within(20, place.reports.recv()).await.unwrap(), "done");
    }
    place.orders.send("KILL").await.unwrap();
    assert_eq!(within(20, worker).await.unwrap(), Gone { done: 1, failed: 2, unsent: 0 });
}

#[tokio::test]
async fn orders_that_find_no_room_wait_for_it() {
    let place = Place::with(Ventilator::orders().send_hwm(1).build()).await;
    let slow = worker(&place.at, async |_| {
        tokio::task::yield_now().await;
        Ok(())
    });
    let padding = "x".repeat(100_000);
    let jobs = (0..200).map(|number| Job::new(format!("{number}\t{padding}")).unwrap());
    let summary = within(60, place.ventilator(Expect::Any).run(jobs)).await.unwrap();
    assert!(all_done(&summary), "{:?}", summary.ended());
    assert_eq!(within(20, slow).await.unwrap().done, 200);
}

#[tokio::test]
async fn two_jobs_of_one_name_are_refused_before_anybody_is_told_anything() {
    let place = Place::open().await;
    let jobs = ["A\tfirst", "A\tsecond"].map(|order| Job::new(order).unwrap());
    let refused = place.ventilator(Expect::Any).run(jobs).await;
    assert_eq!(refused, Err(RunError::Twice(Twice("A".into()))));
}
