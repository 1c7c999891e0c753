//! Standard input, `--message`, `--frame`, `--repeat`, `--every`, and lines that are no messages.

use std::time::{Duration, Instant};

use crate::support::{Zmtp, libzmq_pull, zmtp};

#[test]
fn a_line_is_one_message_of_one_frame_taken_as_bytes() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at}"));
    push.write(b"one\n\nwith\ttab\nends in \r\n\\x00 is not unescaped\n\xff\xfe\0\nlast without newline")
        .end_input();

    let lines: [&[u8]; 7] = [
        b"one",
        b"",
        b"with\ttab",
        b"ends in \r",
        br"\x00 is not unescaped",
        b"\xff\xfe\0",
        b"last without newline",
    ];
    for line in lines {
        assert_eq!(pull.recv().unwrap(), [line]);
    }
    push.done();
}

#[test]
fn split_tabs_makes_a_tab_a_frame_border() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --split-tabs"));
    push.write("a\tb\t\tc\nplain\n").end_input();
    assert_eq!(pull.recv().unwrap(), [&b"a"[..], b"b", b"", b"c"]);
    assert_eq!(pull.recv().unwrap(), [b"plain"]);
    push.done();
}

#[test]
fn with_json_a_line_is_an_object_of_frames() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --json"));
    push.write("{\"frames\": [\"text\", {\"base64\": \"AAE=\"}, \"\"]}\n{\"frames\":[\"\\u00fc\\n\"]}")
        .end_input();
    assert_eq!(pull.recv().unwrap(), [&b"text"[..], &[0, 1], b""]);
    assert_eq!(pull.recv().unwrap(), ["ü\n".as_bytes()]);
    push.done();
}

#[test]
fn a_line_is_sent_at_once_though_the_input_goes_on() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at}"));
    for line in ["first", "second"] {
        push.write(line).write("\n");
        assert_eq!(pull.recv().unwrap(), [line.as_bytes()]);
    }
    push.end_input();
    push.done();
}

#[test]
fn message_replaces_standard_input_and_is_repeatable() {
    let (pull, at) = libzmq_pull();
    // Its standard input stays open, and is not waited for.
    Zmtp::start(&["push", "--connect", &at, "--message", "a b", "--message", "", "--message", "c\td"]).done();
    for message in [&b"a b"[..], b"", b"c\td"] {
        assert_eq!(pull.recv().unwrap(), [message]);
    }
}

#[test]
fn several_messages_with_repeat_go_a_b_a_b() {
    let (pull, at) = libzmq_pull();
    zmtp(&format!("push --connect {at} --message a --message b --repeat 2")).done();
    for message in ["a", "b", "a", "b"] {
        assert_eq!(pull.recv().unwrap(), [message.as_bytes()]);
    }
}

#[test]
fn the_frames_of_the_command_line_are_one_message() {
    let (pull, at) = libzmq_pull();
    Zmtp::start(&["push", "--connect", &at, "--frame", "a", "--frame", "", "--frame", "c", "--repeat", "2"])
        .done();
    for _ in 0..2 {
        assert_eq!(pull.recv().unwrap(), [&b"a"[..], b"", b"c"]);
    }
}

#[test]
fn every_lets_time_pass_from_one_message_to_the_next() {
    let (pull, at) = libzmq_pull();
    let push = zmtp(&format!("push --connect {at} --wait-peers 1 --message x --repeat 4 --every 100ms"));
    let mut times = Vec::new();
    for _ in 0..4 {
        pull.recv().unwrap();
        times.push(Instant::now());
    }
    // The first one may have been held up on its way; it left before the second did.
    assert!(times[3] - times[1] >= Duration::from_millis(150), "{times:?}");
    push.done();
}

#[test]
fn a_bad_line_is_named_with_what_was_expected_and_the_rest_goes_on_and_the_exit_code_is_3() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --json"));
    let lines = [
        r#"{"frames": ["first"]}"#,
        "no JSON",
        r#"{"frame": ["misspelt"]}"#,
        r#"{"frames": []}"#,
        r#"{"frames": ["a"], "more": 1}"#,
        r#"{"frames": [{"base64": "%%%"}]}"#,
        "",
        r#"{"frames": ["last"]}"#,
    ];
    push.write(lines.join("\n")).end_input();

    assert_eq!(pull.recv().unwrap(), [b"first"]);
    assert_eq!(pull.recv().unwrap(), [b"last"]);
    let ended = push.ended();
    assert_eq!(ended.code, 3);
    let said: Vec<&str> = ended.err.lines().collect();
    assert_eq!(said.len(), 6, "{said:?}");
    for (number, line) in (2..).zip(said) {
        assert!(line.starts_with(&format!("zmtp: line {number}: expected an object like")), "{line}");
    }
}

#[test]
fn strict_stops_at_the_first_bad_line_and_what_came_before_is_sent() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --json --strict"));
    // The input stays open: it is the bad line that ends it.
    push.write("{\"frames\": [\"before\"]}\nbad\n{\"frames\": [\"after\"]}\n");
    assert_eq!(pull.recv().unwrap(), [b"before"]);
    let ended = push.ended();
    assert_eq!((ended.code, ended.err.lines().count()), (3, 1), "{ended:?}");
    assert!(ended.err.contains("line 2:"));
}

#[test]
fn a_line_larger_than_a_message_may_be_is_a_bad_line() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --max-message-size 1KiB"));
    push.write([vec![b'x'; 1025], b"\nfits\n".to_vec(), vec![b'y'; 1024]].concat()).end_input();
    assert_eq!(pull.recv().unwrap(), [b"fits"]);
    assert_eq!(pull.recv().unwrap(), [[b'y'; 1024]]);
    let ended = push.ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("line 1: expected at most 1024 bytes"), "{ended:?}");
}
