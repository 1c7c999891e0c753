//! The balancer over real sockets, in one process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use zmtp_patterns::Backoff;
use zmtp_patterns::balancer::state::WorkerConfig;
use zmtp_patterns::balancer::wire::Refusal;
use zmtp_patterns::balancer::{
    Balancer, Client, Config, Ending, Expect, Failure, Job, Journal, SubmitError, Worker,
};

struct Scene {
    balancer: Balancer,
    at: String,
}

impl Scene {
    async fn open(config: Config) -> Self {
        let socket = Balancer::socket().build();
        let at = socket.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
        Self { balancer: Balancer::start(socket, config), at }
    }

    fn client(&self) -> Client {
        let socket = Client::socket().build();
        socket.connect(self.at.as_str()).unwrap();
        Client::start(socket)
    }

    fn worker<F>(
        &self,
        config: WorkerConfig,
        handler: impl Fn(zmtp_patterns::balancer::Task) -> F + Send + Sync + 'static,
    ) -> Worker
    where
        F: Future<Output = Result<bytes::Bytes, Failure>> + Send + 'static,
    {
        let socket = Worker::socket().build();
        socket.connect(self.at.as_str()).unwrap();
        Worker::start(socket, config, handler)
    }
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(seconds), future).await.expect("in time")
}

fn expect(workers: usize, at_least: usize, within: Duration) -> Config {
    Config { expect: Some(Expect { workers, at_least, within }), ..Config::default() }
}

#[tokio::test]
async fn b01_b02_thirty_jobs_at_three_workers_take_ten_times_one_and_never_more_than_three_run() {
    let scene = Scene::open(expect(3, 3, Duration::from_secs(20))).await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            scene.worker(WorkerConfig::default(), move |task| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_millis(200)).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(task.key().clone())
                }
            })
        })
        .collect();
    assert_eq!(within(20, scene.balancer.wait_ready()).await, Ok(3));
    let (client, start) = (scene.client(), Instant::now());
    let mut handles = Vec::new();
    for number in 0..30 {
        handles.push(client.submit(Job::new(format!("job {number}"), "")).await.unwrap());
    }
    for handle in handles {
        let key = handle.key().clone();
        assert_eq!(within(20, handle.outcome()).await.unwrap().payload, key);
    }
    let took = start.elapsed();
    assert!((1.9..2.6).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(within(20, scene.balancer.drain(false)).await, 0);
    let mut done = 0;
    for worker in workers {
        done += within(20, worker.gone()).await.done;
    }
    assert_eq!(done, 30);
}

#[tokio::test]
async fn b04_each_of_three_workers_that_come_when_they_like_gets_something() {
    for _ in 0..20 {
        let scene = Scene::open(expect(3, 3, Duration::from_secs(20))).await;
        let client = scene.client();
        let mut handles = Vec::new();
        for number in 0..5 {
            handles.push(client.submit(Job::new(format!("job {number}"), "")).await.unwrap());
        }
        let mut workers = Vec::new();
        for _ in 0..3 {
            sleep(Duration::from_millis(fastrand::u64(0..30))).await;
            workers.push(scene.worker(WorkerConfig::default(), async |_| Ok("".into())));
        }
        for handle in handles {
            assert_eq!(within(20, handle.outcome()).await.unwrap().ending, Ending::Done);
        }
        scene.balancer.drain(false).await;
        let mut done = Vec::new();
        for worker in workers {
            done.push(within(20, worker.gone()).await.done);
        }
        assert!(done.iter().sum::<u64>() == 5 && done.iter().all(|done| *done >= 1), "{done:?}");
    }
}

#[tokio::test]
async fn b09_the_wait_for_workers_ends_with_enough_of_them_or_with_a_word() {
    let time = Duration::from_millis(500);
    let scene = Scene::open(expect(3, 2, time)).await;
    let start = Instant::now();
    let _two = [(); 2].map(|()| scene.worker(WorkerConfig::default(), async |_| Ok("".into())));
    assert_eq!(within(20, scene.balancer.wait_ready()).await, Ok(2));
    assert!(start.elapsed() >= time && start.elapsed() < time * 2, "{:?}", start.elapsed());

    let scene = Scene::open(expect(3, 3, time)).await;
    let _two = [(); 2].map(|()| scene.worker(WorkerConfig::default(), async |_| Ok("".into())));
    let too_few = within(20, scene.balancer.wait_ready()).await.unwrap_err();
    assert_eq!(
        too_few.to_string(),
        "only 2 workers were ready in time; see that they run and reach this broker"
    );
}

/// The clock stands still but for the waits themselves: each ends at its deadline to the millisecond, and what was
/// dropped there is done all the same.
#[tokio::test]
async fn b10_every_wait_ends_at_its_deadline_and_nothing_is_lost_by_that() {
    let scene = Scene::open(expect(1, 1, Duration::from_secs(3600))).await;
    let client = scene.client();
    let job = client.submit(Job::new("job", "")).await.unwrap();
    within(20, async { while scene.balancer.status().await.unwrap().queued == 0 {} }).await;
    // There is no broker here yet, and a client has only so many jobs that no broker has answered to.
    let place = zmtp::PullSocket::new().bind("tcp://127.0.0.1:*").await.unwrap().to_string();
    let alone = Client::socket().build();
    alone.connect(place.as_str()).unwrap();
    let alone = Client::start(alone);
    let mut submitted = Vec::new();
    for number in 0..1_000 {
        submitted.push(alone.submit(Job::new(format!("job {number}"), "")).await.unwrap());
    }
    let idle = Worker::socket().build();
    idle.connect(place.as_str()).unwrap();
    let idle = Worker::start(idle, WorkerConfig::default(), async |_| Ok("".into()));

    tokio::time::pause();
    let limit = Duration::from_secs(5);
    over(limit, scene.balancer.wait_ready()).await;
    let mut outcome = std::pin::pin!(job.outcome());
    over(limit, &mut outcome).await;
    over(limit, alone.submit(Job::new("one more", ""))).await;
    over(limit, idle.clone().gone()).await;
    over(limit, scene.balancer.drain(false)).await;
    assert_eq!(timeout(limit, scene.balancer.status()).await.unwrap().unwrap().queued, 1);
    assert!(timeout(limit, scene.balancer.dead()).await.unwrap().is_empty());
    tokio::time::resume();

    let worker = scene.worker(WorkerConfig::default(), async |_| Ok("".into()));
    assert_eq!(within(20, scene.balancer.wait_ready()).await, Ok(1));
    assert_eq!(within(20, outcome).await.unwrap().ending, Ending::Done);
    assert_eq!(within(20, scene.balancer.drain(false)).await, 0);
    assert_eq!(within(20, worker.gone()).await.done, 1);

    let socket = Balancer::socket().build();
    socket.bind(place.as_str()).await.unwrap();
    let balancer = Balancer::start(socket, Config::default());
    submitted.push(within(20, alone.submit(Job::new("one more", ""))).await.unwrap());
    for handle in submitted {
        assert_eq!(within(20, handle.outcome()).await.unwrap().ending, Ending::Done);
    }
    assert_eq!(within(20, balancer.drain(false)).await, 0);
    assert_eq!(within(20, idle.gone()).await.done, 1_001);
}

/// Waits for what does not come, until the limit.
async fn over(limit: Duration, wait: impl Future) {
    let begun = tokio::time::Instant::now();
    assert!(timeout(limit, wait).await.is_err(), "it came");
    let took = begun.elapsed();
    assert!(took >= limit && took <= limit + Duration::from_millis(1), "{took:?}");
}

#[tokio::test]
async fn b11_a_job_that_fails_is_tried_again_and_the_worker_goes_on() {
    let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
    let scene = Scene::open(Config { backoff, ..Config::default() }).await;
    let worker = scene.worker(WorkerConfig::default(), async |task| match &task.payload()[..] {
        b"fails" => Err(Failure::again("exit 1: no such directory")),
        b"hopeless" => Err(Failure::for_good("no such command")),
        b"panics" => panic!("as it should"),
        _ if task.attempt() < 2 => Err("once".into()),
        _ => Ok("at last".into()),
    });
    let client = scene.client();
    for (what, ending, attempts, payload) in [
        ("fails", Ending::Dead, 3, "exit 1: no such directory"),
        ("hopeless", Ending::Dead, 1, "no such command"),
        ("panics", Ending::Dead, 3, "the worker's handler panicked"),
        ("once", Ending::Done, 2, "at last"),
    ] {
        let outcome = within(20, client.submit(Job::new(what, what)).await.unwrap().outcome()).await.unwrap();
        assert_eq!(
            (outcome.ending, outcome.attempts, &outcome.payload[..]),
            (ending, attempts, payload.as_bytes())
        );
    }
    scene.balancer.drain(false).await;
    assert_eq!(within(20, worker.gone()).await.done, 1);
}

#[tokio::test]
async fn b14_of_four_tasks_for_workers_that_take_one_each_the_last_waits_for_the_fourth_worker() {
    let scene = Scene::open(Config::default()).await;
    let who = Arc::new(Mutex::new(BTreeMap::new()));
    let one = |name: usize| {
        let who = Arc::clone(&who);
        let config = WorkerConfig { max_tasks: Some(1), ..WorkerConfig::default() };
        scene.worker(config, move |task| {
            who.lock().unwrap().insert(task.key().clone(), name);
            async { Ok("".into()) }
        })
    };
    let client = scene.client();
    let mut handles = Vec::new();
    for number in 1..=4 {
        handles.push(client.submit(Job::new(format!("T{number}"), "")).await.unwrap());
    }
    for name in 1..=3 {
        assert_eq!(within(20, one(name).gone()).await.done, 1);
    }
    let last = handles.pop().unwrap();
    for handle in handles {
        within(20, handle.outcome()).await.unwrap();
    }
    assert_eq!(scene.balancer.status().await.unwrap().queued, 1);
    assert_eq!(within(20, one(4).gone()).await.done, 1);
    assert_eq!(within(20, last.outcome()).await.unwrap().ending, Ending::Done);
    assert_eq!(who.lock().unwrap()[&b"T4"[..]], 4);
}

#[tokio::test]
async fn a_job_that_is_withdrawn_is_stopped_wherever_it_is() {
    let scene = Scene::open(Config::default()).await;
    let client = scene.client();
    let queued = client.submit(Job::new("queued", "")).await.unwrap();
    queued.withdraw();
    assert_eq!(within(20, queued.outcome()).await.unwrap().ending, Ending::Cancelled);

    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let _worker = scene.worker(WorkerConfig::default(), move |task| {
        let begun = begun.clone();
        async move {
            begun.send(()).unwrap();
            task.cancelled().await;
            Err(Failure::again("stopped"))
        }
    });
    let running = client.submit(Job::new("running", "")).await.unwrap();
    within(20, has_begun.recv()).await.unwrap();
    running.withdraw();
    assert_eq!(within(20, running.outcome()).await.unwrap().ending, Ending::Cancelled);
}

#[tokio::test]
async fn a_job_that_no_command_has_room_for_is_refused_at_once() {
    let scene = Scene::open(Config::default()).await;
    let client = scene.client();
    let key = || Job::new("key", "");
    let long = "x".repeat(256);
    for (job, refusal) in [
        (Job::new("", ""), Refusal::Key),
        (Job::new(long.clone(), ""), Refusal::Key),
        (Job { order: Some("".into()), ..key() }, Refusal::Key),
        (Job { after: vec![long.clone().into()], ..key() }, Refusal::Key),
        (Job { after: vec!["a".into(); 65], ..key() }, Refusal::TooMany),
        (Job { tags: vec!["a".into(); 65], ..key() }, Refusal::TooMany),
        (Job { tags: vec![long], ..key() }, Refusal::TooMany),
    ] {
        let refused = within(20, client.submit(job)).await.unwrap_err();
        assert_eq!(refused, SubmitError::Refused(refusal));
    }
}

#[tokio::test]
async fn a_job_whose_worker_is_lost_or_that_takes_too_long_says_so_in_the_end() {
    let config = Config { resume_grace: Duration::ZERO, ..Config::default() };
    let scene = Scene::open(config).await;
    let client = scene.client();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let stuck = |scene: &Scene| {
        let begun = begun.clone();
        scene.worker(WorkerConfig::default(), move |_| {
            begun.send(()).unwrap();
            std::future::pending()
        })
    };
    let worker = stuck(&scene);
    let lost = client.submit(Job { max_attempts: Some(1), ..Job::new("lost", "") }).await.unwrap();
    within(20, has_begun.recv()).await.unwrap();
    worker.drain(true, Duration::ZERO);
    within(20, worker.gone()).await;
    let outcome = within(20, lost.outcome()).await.unwrap();
    assert_eq!((outcome.ending, &outcome.payload[..]), (Ending::Dead, &b"its worker was lost"[..]));

    let _worker = stuck(&scene);
    let hard_limit = Some(Duration::from_millis(20));
    let slow = Job { hard_limit, max_attempts: Some(1), ..Job::new("slow", "") };
    let outcome = within(20, client.submit(slow).await.unwrap().outcome()).await.unwrap();
    assert_eq!(
        (outcome.ending, &outcome.payload[..]),
        (Ending::Dead, &b"it took longer than its hard limit"[..])
    );
}

#[tokio::test]
async fn a_broker_that_drains_may_be_told_to_do_so_now() {
    let scene = Scene::open(Config::default()).await;
    let client = scene.client();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let worker = scene.worker(WorkerConfig::default(), move |task| {
        begun.send(()).unwrap();
        async move {
            task.cancelled().await;
            Err(Failure::again("stopped"))
        }
    });
    let _running = client.submit(Job::new("running", "")).await.unwrap();
    let _queued = client.submit(Job::new("queued", "")).await.unwrap();
    within(20, has_begun.recv()).await.unwrap();
    assert!(timeout(Duration::from_millis(50), scene.balancer.drain(false)).await.is_err());
    assert_eq!(within(20, scene.balancer.drain(true)).await, 2);
    assert_eq!(within(20, worker.gone()).await.done, 0);
}

/// A broker with a journal is gone and another one begins with its file: the job that was being done goes on where it
/// is, what waits is done, what has ended is told, and attempts are not forgotten.
#[tokio::test]
async fn with_a_journal_the_next_broker_goes_on_where_the_last_one_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let socket = Balancer::socket().build();
    let at = socket.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
    let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
    let config = Config { max_attempts: 2, backoff, ..Config::default() };
    let first = Scene {
        balancer: Balancer::start_with(socket, config.clone(), Journal::open(&path).unwrap()),
        at: at.clone(),
    };
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let go = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&go);
    let worker = first.worker(
        WorkerConfig { beat: Duration::from_millis(50), ..WorkerConfig::default() },
        move |task| {
            let (begun, gate) = (begun.clone(), Arc::clone(&gate));
            async move {
                begun.send((task.key().clone(), task.attempt())).unwrap();
                if task.key() == "long" {
                    gate.acquire().await.unwrap().forget();
                }
                if task.payload() == "fails" { Err(Failure::again("no")) } else { Ok("yes".into()) }
            }
        },
    );
    let client = first.client();
    let mut handles = Vec::new();
    for (key, payload) in [("long", ""), ("waits", ""), ("bad", "fails")] {
        handles.push(client.submit(Job::new(key, payload)).await.unwrap());
    }
    assert_eq!(within(20, has_begun.recv()).await.unwrap(), ("long".into(), 1));
    drop(first);

    let journal = loop {
        match Journal::open(&path) {
            Ok(journal) => break journal,
            // Its thread has not let go of it yet.
            Err(_) => yield_now().await,
        }
    };
    let socket = Balancer::socket().build();
    within(20, async { while socket.bind(at.as_str()).await.is_err() {} }).await;
    let second = Balancer::start_with(socket, config, journal);
    // It says who it is to the new broker, and that it has this in hand.
    let there =
        async { while second.status().await.unwrap().workers.iter().all(|worker| worker.busy == 0) {} };
    within(20, there).await;
    go.add_permits(1);
    let mut ends = Vec::new();
    for handle in handles {
        let outcome = within(20, handle.outcome()).await.unwrap();
        ends.push((outcome.ending, outcome.attempts));
    }
    assert_eq!(ends, [(Ending::Done, 1), (Ending::Done, 1), (Ending::Dead, 2)]);
    // Nothing was begun a second time but what had failed.
    has_begun.close();
    let mut rest = Vec::new();
    while let Some(begun) = has_begun.recv().await {
        rest.push(begun);
    }
    assert_eq!(rest, [("waits".into(), 1), ("bad".into(), 1), ("bad".into(), 2)]);
    assert_eq!(within(20, second.drain(false)).await, 0);
    within(20, worker.gone()).await;
}

/// Together they are more than a socket keeps, in messages and in octets, unless it is told otherwise.
#[tokio::test]
async fn a_client_tells_a_broker_that_comes_of_all_its_jobs_at_once_and_none_is_lost_on_the_way() {
    let socket = Balancer::socket().build();
    let at = socket.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
    let there = |socket: zmtp::DealerSocket| {
        socket.connect(at.as_str()).unwrap();
        socket
    };
    let client = Client::start(there(Client::socket().build()));
    let (payload, mut handles) = (bytes::Bytes::from(vec![b'x'; 80 << 10]), Vec::new());
    for number in 0..1_000 {
        let job = Job::new(format!("job {number}"), payload.clone());
        handles.push(within(20, client.submit(job)).await.unwrap());
    }
    let balancer = Balancer::start(socket, Config::default());
    let config = WorkerConfig { slots: 16, ..WorkerConfig::default() };
    let _worker = Worker::start(there(Worker::socket().build()), config, async |_| Ok("".into()));
    for handle in handles {
        assert_eq!(within(60, handle.outcome()).await.unwrap().ending, Ending::Done);
    }
    assert_eq!(balancer.status().await.unwrap().counters.gaps, 0);
}

/// Everybody on threads of their own, and client and broker end in the middle of it. A handle keeps the way to its client
/// open, so nothing is over just because nobody else has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_handle_resolves_when_submitting_withdrawing_dropping_closing_and_draining_race() {
    let (until, mut rounds, mut ends) = (Instant::now() + Duration::from_secs(5), 0, [0; 3]);
    while Instant::now() < until {
        let sums = within(60, race()).await;
        ends.iter_mut().zip(sums).for_each(|(all, these)| *all += these);
        rounds += 1;
    }
    println!("{rounds} rounds: {} outcomes, {} closed, {} otherwise", ends[0], ends[1], ends[2]);
}

/// How many handles had an outcome, were closed, or ended otherwise.
async fn race() -> [usize; 3] {
    let scene = Arc::new(Scene::open(Config::default()).await);
    let worker = scene.worker(WorkerConfig { slots: 4, ..WorkerConfig::default() }, async |_| Ok("".into()));
    let client = scene.client();
    if fastrand::bool() {
        // Everybody is there by then.
        client.submit(Job::new("first", "")).await.unwrap().outcome().await.unwrap();
    }
    let mut submitters = JoinSet::new();
    for _ in 0..3 {
        let client = client.clone();
        submitters.spawn(async move {
            let mut handles = Vec::new();
            for number in 0..fastrand::usize(1..200) {
                // Some of the keys are somebody else's too.
                let Ok(handle) = client.submit(Job::new(format!("job {number}"), "")).await else { break };
                match fastrand::u8(..8) {
                    0 => handle.withdraw(),
                    1 => client.withdraw(handle.key().clone()),
                    2 => continue,
                    _ => {}
                }
                handles.push(handle);
                now_and_then().await;
            }
            let _kept = fastrand::bool().then_some(client);
            let mut ends = [0; 3];
            for handle in handles {
                ends[match handle.outcome().await {
                    Ok(_) => 0,
                    Err(SubmitError::Closed) => 1,
                    Err(_) => 2,
                }] += 1;
            }
            ends
        });
    }
    let mut others = JoinSet::new();
    for _ in 0..2 {
        let (scene, client) = (Arc::clone(&scene), client.clone());
        others.spawn(async move {
            now_and_then().await;
            scene.balancer.drain(fastrand::bool()).await;
            // Its jobs are left to the next broker, which does not come.
            client.close().await;
        });
    }
    others.spawn(async move {
        for _ in 0..fastrand::u8(..100) {
            now_and_then().await;
        }
        client.close().await;
    });
    for _ in 0..2 {
        let scene = Arc::clone(&scene);
        others.spawn(async move {
            while scene.balancer.status().await.is_some() {
                scene.balancer.retry(Vec::new()).await;
            }
            assert!(scene.balancer.dead().await.is_empty());
        });
    }
    let ends = submitters.join_all().await;
    others.join_all().await;
    worker.drain(true, Duration::ZERO);
    worker.gone().await;
    ends.into_iter().fold([0; 3], |all, these| [0, 1, 2].map(|end| all[end] + these[end]))
}

async fn now_and_then() {
    if fastrand::bool() {
        yield_now().await;
    }
}
