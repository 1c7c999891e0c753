//! Pictures of who did what, when.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;

use crate::balance::{broker, lines, numbers, run, submit, worker};
use crate::support::{Zmtp, zmtp};

/// `utilisation 87 % of 3 workers over 12.4 s` as `(87, 3)`.
fn utilisation(sentence: &str) -> (u32, u32) {
    let words: Vec<_> = sentence.split_whitespace().skip_while(|word| *word != "utilisation").collect();
    assert!(words[2..].starts_with(&["%", "of"]) && words.contains(&"over"), "{sentence}");
    (words[1].parse().unwrap(), words[4].parse().unwrap())
}

#[test]
fn a_picture_of_a_run_has_a_row_for_each_slot_and_says_how_busy_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, png) = (folder.path().join("run.svg"), folder.path().join("run.png"));
    let options = format!("-j 3 --picture {} --picture {}", svg.display(), png.display());
    let ended = run(&options, "sleep 0.2; test {} != 4", &numbers(6)).ended();
    assert_eq!(ended.code, 1);
    let said = ended.err.lines().next().unwrap().strip_prefix("zmtp: ").unwrap();
    let (share, workers) = utilisation(said);
    // Two rounds of 0.2 s for each of three, and what starting a process takes on a busy machine.
    assert!((50..=100).contains(&share) && workers == 3, "{said}");

    let drawn = fs::read_to_string(&svg).unwrap();
    for text in [said, "slot 1", "slot 2", "slot 3", "6 attempts, 1 failed or lost", "0 ms"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
    // Without the ground, and the mark of the one that failed.
    let bars = drawn.lines().filter(|line| line.starts_with("<rect") && line.contains("stroke=\"none\""));
    assert_eq!(bars.count(), 1 + 6 + 1, "{drawn}");

    let mut png = png::Decoder::new(BufReader::new(File::open(&png).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; png.output_buffer_size().unwrap()];
    let info = png.next_frame(&mut pixels).unwrap();
    assert!(info.width > 1000 && info.height > 3 * 20, "{info:?}");
    let colours: BTreeSet<_> = pixels.chunks(3).collect();
    // Of six jobs, of ink with its edges, of the ground and of what went wrong.
    assert!(colours.len() > 8 && colours.contains(&[200, 0, 0][..]), "{}", colours.len());
}

#[test]
fn a_picture_of_a_broker_has_a_row_for_each_worker_and_shows_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("broker.svg");
    let record = folder.path().join("record");
    let (broker, at) = broker(&format!("--picture {}", picture.display()));
    let stuck = worker(&at, "--name stuck", &format!("echo {{}} >> {}; sleep 300", record.display()));
    let submit = submit(&at, "", "a\nb\n");
    crate::balance::until(&record, |line| line == "a");
    stuck.signal("KILL");
    let second = worker(&at, "--name second", "true");
    submit.done();
    broker.signal("TERM");
    let ended = broker.done();
    second.done();
    let said = ended.err.lines().find(|line| line.contains("utilisation")).unwrap();
    assert_eq!(utilisation(said).1, 2);
    let drawn = fs::read_to_string(&picture).unwrap();
    for text in ["stuck", "second", "3 attempts, 1 failed or lost"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
    assert_eq!(lines(&record), ["a"]);
}

#[test]
fn what_cannot_be_drawn_is_told_before_the_run_and_what_cannot_be_written_after_it() {
    for arguments in ["run --picture a.gif -- true", "broker --bind tcp://127.0.0.1:0 --picture a.gif"] {
        let ended = zmtp(&format!("balance {arguments}")).ended();
        assert_eq!((ended.code, &*ended.out), (3, ""));
        assert!(ended.err.contains("a picture's name ends in .svg or .png"), "{}", ended.err);
    }
    let mut run = Zmtp::start(&["balance", "run", "--picture", "/nowhere/at/all.png", "--", "echo", "{}"]);
    run.write("a\n").end_input();
    let ended = run.ended();
    assert_eq!((ended.code, &*ended.out), (1, "done\ta\t0\t1\ta\n"));
    assert!(ended.err.contains("cannot write the picture /nowhere/at/all.png: "), "{}", ended.err);
}
