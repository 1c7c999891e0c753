//! Processes as tasks, over real sockets.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use zmtp::DealerSocket;
use zmtp_patterns::Backoff;
use zmtp_patterns::balancer::{
    Balancer, Client, Config, Ending, Job, MOST_COMPLAINT, MOST_RESULT, Outcome, Pivot, Worker, WorkerConfig,
};

struct Scene {
    balancer: Balancer,
    client: Client,
    worker: Worker,
}

impl Scene {
    async fn open(slots: u16, command: &[&str]) -> Self {
        let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
        let socket = Balancer::socket().build();
        let at = socket.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
        let balancer = Balancer::start(socket, Config { backoff, ..Config::default() });
        let there = |socket: DealerSocket| {
            socket.connect(at.as_str()).unwrap();
            socket
        };
        let pivot = Pivot::new(command[0], &command[1..]);
        let config = WorkerConfig { slots, ..WorkerConfig::default() };
        let worker = Worker::start(there(Worker::socket().build()), config, move |task| pivot.run(task));
        Self { balancer, client: Client::start(there(Client::socket().build())), worker }
    }

    async fn outcome(&self, payload: impl AsRef<[u8]>) -> Outcome {
        let key = format!("{:x}", fastrand::u128(..));
        let job = Job::new(key, payload.as_ref().to_vec());
        within(self.client.submit(job).await.unwrap().outcome()).await.unwrap()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("in time")
}

fn text(outcome: &Outcome) -> &str {
    std::str::from_utf8(&outcome.payload).unwrap()
}

/// Waits until a command has written this file, whole.
async fn written(path: &Path) -> String {
    within(async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(said) if said.ends_with('\n') => return said,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
}

fn is_running(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[tokio::test]
async fn the_payload_is_one_argument_whatever_stands_in_it_and_standard_output_is_the_result() {
    let scene = Scene::open(1, &["printf", "[%s]", "{}", "a {} b"]).await;
    for payload in ["plain", "two words", "$(echo x) `echo y`; echo z", "'\"\\", "", "grüße"] {
        let outcome = scene.outcome(payload).await;
        assert_eq!((outcome.ending, outcome.code), (Ending::Done, 0));
        assert_eq!(text(&outcome), format!("[{payload}][a {payload} b]"));
    }
}

#[tokio::test]
async fn without_a_place_for_it_the_payload_comes_on_standard_input() {
    let scene = Scene::open(1, &["cat"]).await;
    assert_eq!(scene.outcome(b"some\0octets\xff").await.payload, &b"some\0octets\xff"[..]);
    let much = vec![b'x'; 300_000];
    assert_eq!(scene.outcome(&much).await.payload, much);
    // Nor does a command have to read it.
    let scene = Scene::open(1, &["true"]).await;
    assert_eq!(scene.outcome(&much).await.ending, Ending::Done);
}

#[tokio::test]
async fn b11_a_command_that_fails_is_told_with_exit_code_and_standard_error_and_the_worker_stays() {
    let scene = Scene::open(1, &["false"]).await;
    let outcome = scene.outcome("").await;
    assert_eq!((outcome.ending, outcome.attempts, outcome.code), (Ending::Dead, 3, 1));

    let scene = Scene::open(1, &["sh", "-c", "{}"]).await;
    let outcome = scene.outcome("echo lost; echo no such directory >&2; exit 23").await;
    assert_eq!((outcome.ending, outcome.attempts, outcome.code), (Ending::Dead, 3, 23));
    assert_eq!(text(&outcome), "no such directory\n");
    let outcome = scene.outcome("seq 1 100000 >&2; exit 1").await;
    assert!(text(&outcome).len() <= MOST_COMPLAINT && text(&outcome).ends_with("\n99999\n100000\n"));
    let outcome = scene.outcome("kill -9 $$").await;
    assert_eq!((outcome.code, text(&outcome)), (137, "ended by signal 9\n"));
    assert_eq!(scene.outcome("exit 0").await.ending, Ending::Done);
    scene.balancer.drain(false).await;
    assert_eq!(within(scene.worker.gone()).await.done, 1);
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_hopeless_and_says_what_to_do() {
    let scene = Scene::open(1, &["/nowhere/to/be/found", "{}"]).await;
    let outcome = scene.outcome("").await;
    assert_eq!((outcome.ending, outcome.attempts, outcome.code), (Ending::Dead, 1, 127));
    let (said, remedy) = (text(&outcome), "see that it is installed, and in the PATH of this worker");
    assert!(said.starts_with("cannot start `/nowhere/to/be/found`: ") && said.ends_with(remedy), "{said}");

    let scene = Scene::open(1, &["echo", "{}"]).await;
    for (payload, remedy) in
        [("a\0b".to_owned(), "no argument can have"), ("x".repeat(1 << 20), "standard input")]
    {
        let outcome = scene.outcome(payload).await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Dead, 1));
        assert!(text(&outcome).ends_with(remedy), "{}", text(&outcome));
    }
}

#[tokio::test]
async fn a_result_that_is_too_large_is_cut_off_and_says_so() {
    let scene = Scene::open(1, &["sh", "-c", "head -c {} /dev/zero"]).await;
    assert_eq!(scene.outcome(MOST_RESULT.to_string()).await.payload.len(), MOST_RESULT);
    let outcome = scene.outcome((MOST_RESULT + 7).to_string()).await;
    assert_eq!(outcome.ending, Ending::Done);
    let said = format!("\n[cut off: 7 octets more than the {MOST_RESULT} kept]\n");
    assert_eq!(&text(&outcome)[MOST_RESULT..], said);
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_does_not_keep_its_slot() {
    let scene = Scene::open(1, &["sh", "-c", "sleep 30 & echo $!; echo done"]).await;
    let outcome = timeout(Duration::from_secs(10), scene.outcome("")).await.expect("it was waited for");
    let pid = text(&outcome).strip_suffix("\ndone\n").unwrap();
    assert!(is_running(pid));
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
}

#[tokio::test]
async fn a_task_that_is_withdrawn_stops_its_whole_process_group_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (begun, ended) = (folder.path().join("begun"), folder.path().join("ended"));
    // A shell of its own says that it is there: what is forked and not yet another program may miss a signal.
    let script = format!(
        "trap 'echo in order > {}; exit 3' TERM; sh -c 'echo $$ > {}; exec sleep 300' & wait",
        ended.display(),
        begun.display()
    );
    let scene = Scene::open(1, &["sh", "-c", &script]).await;
    let handle = scene.client.submit(Job::new("long", "")).await.unwrap();
    let sleeper = written(&begun).await;
    handle.withdraw();
    assert_eq!(within(handle.outcome()).await.unwrap().ending, Ending::Cancelled);
    assert_eq!(written(&ended).await, "in order\n");
    within(async {
        while is_running(sleeper.trim()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_task_that_is_dropped_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let script = format!("trap '' TERM; sleep 300 & echo $$ $! > {}; wait; wait", begun.display());
    let scene = Scene::open(1, &["sh", "-c", &script]).await;
    scene.client.submit(Job::new("stubborn", "")).await.unwrap();
    let both = written(&begun).await;
    scene.worker.drain(true, Duration::from_millis(50));
    within(scene.worker.gone()).await;
    within(async {
        while both.split_whitespace().any(is_running) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_command_says_is_progress_and_silence_is_none() {
    let scene = Scene::open(1, &["sh", "-c", "{}"]).await;
    let stall_timeout = Some(Duration::from_millis(600));
    for (key, script, ending) in [
        ("speaks", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.15; done", Ending::Done),
        ("complains", "for i in 1 2 3 4 5 6 7 8; do echo $i >&2; sleep 0.15; done", Ending::Done),
        ("silent", "sleep 300", Ending::Dead),
    ] {
        let job = Job { stall_timeout, max_attempts: Some(1), ..Job::new(key, script) };
        let outcome = within(scene.client.submit(job).await.unwrap().outcome()).await.unwrap();
        assert_eq!(outcome.ending, ending, "{key}: {outcome:?}");
        if ending == Ending::Dead {
            assert_eq!(text(&outcome), "it showed no progress for as long as its stall timeout");
        }
    }
}

/// `CHILDREN=10000` is the full number.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn b13_b21_each_task_has_a_process_of_its_own_which_inherits_none_of_a_hundred_open_sockets() {
    let children = std::env::var("CHILDREN").map_or(500_u32, |children| children.parse().unwrap());
    let mut expected: BTreeSet<u32> = [0, 1, 2].into_iter().chain(left_to_us()).collect();
    // The shell itself has its directory open while it reads it.
    expected.insert((0..).find(|descriptor| !expected.contains(descriptor)).unwrap());
    let mut sockets = Vec::new();
    for _ in 0..50 {
        let pull = zmtp::PullSocket::new();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap();
        let push = zmtp::PushSocket::new();
        push.connect(at).unwrap();
        within(push.wait_for_peers(1)).await;
        sockets.push((pull, push));
    }
    let ours = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(ours > 150, "{ours}");

    let scene = Scene::open(8, &["sh", "-c", "echo $$ {} /proc/$$/fd/*"]).await;
    let (begun, mut handles) = (Instant::now(), Vec::new());
    for number in 0..children {
        let job = Job { max_attempts: Some(1), ..Job::new(format!("job {number}"), number.to_string()) };
        handles.push(within(scene.client.submit(job)).await.unwrap());
    }
    let (mut pids, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for handle in handles {
        let outcome = within(handle.outcome()).await.unwrap();
        assert_eq!(outcome.ending, Ending::Done, "{}", text(&outcome));
        let mut words = text(&outcome).split_whitespace();
        pids.insert(words.next().unwrap().parse::<u32>().unwrap());
        numbers.insert(words.next().unwrap().parse::<u32>().unwrap());
        let inherited: BTreeSet<u32> =
            words.map(|path| path.rsplit('/').next().unwrap().parse().unwrap()).collect();
        assert_eq!(inherited, expected);
    }
    let rate = f64::from(children) / begun.elapsed().as_secs_f64();
    println!("{children} children, {rate:.0} in a second");
    assert_eq!((pids.len(), numbers.len()), (children as usize, children as usize));
}

/// Descriptors that whoever runs this test has left open to every process, before we have opened any.
#[cfg(target_os = "linux")]
fn left_to_us() -> Vec<u32> {
    let names = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    let is_inherited = |name: &String| {
        // The directory that was read is closed by now.
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{name}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
        flags.is_some_and(|flags| i64::from_str_radix(flags, 8).unwrap() & O_CLOEXEC == 0)
    };
    names.into_iter().filter(is_inherited).map(|name| name.parse().unwrap()).collect()
}

#[cfg(target_os = "linux")]
const O_CLOEXEC: i64 = 0o2_000_000;
