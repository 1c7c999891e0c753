//! Lines on standard output, as text and as JSON.

use crate::support::{libzmq_pull, libzmq_push, zmtp};

#[test]
fn frames_are_joined_by_a_tab_and_what_does_not_print_is_escaped() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 3");
    let push = libzmq_push(&mut pull);
    push.send(&[b"plain", b"", "grüße ☃".as_bytes()]).unwrap();
    push.send(&[b"a\tb\nc\\d\re", b"\0\x1b[31m\x7f", b"\xff\xfe"]).unwrap();
    push.send(&[b""]).unwrap();
    let expected = ["plain\t\tgrüße ☃", "a\\tb\\nc\\\\d\\x0de\t\\x00\\x1b[31m\\x7f\t\\xff\\xfe", "", ""];
    assert_eq!(pull.done().out, expected.join("\n"));
}

#[test]
fn with_json_a_frame_is_a_string_when_it_is_valid_utf_8_else_base64() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --json --count 2");
    let push = libzmq_push(&mut pull);
    push.send(&[b"text", &[0, 1, 0xff], b""]).unwrap();
    push.send(&["ü\t\n\"\\".as_bytes()]).unwrap();
    let expected = "{\"frames\":[\"text\",{\"base64\":\"AAH/\"},\"\"]}\n{\"frames\":[\"ü\\t\\n\\\"\\\\\"]}\n";
    assert_eq!(pull.done().out, expected);
}

#[test]
fn what_goes_out_as_json_comes_back_in_as_it_was() {
    let (judge, at) = libzmq_pull();
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --json --count 256");
    let mut push = zmtp(&format!("push --connect {at} --json"));
    let original = libzmq_push(&mut pull);
    let frames = |byte: u8| [vec![byte], vec![byte; usize::from(byte)], vec![byte, b'\n', 0x80 | byte]];
    for byte in 0..=255 {
        original.send(&frames(byte).each_ref().map(Vec::as_slice)).unwrap();
    }
    push.write(pull.done().out).end_input();
    for byte in 0..=255 {
        assert_eq!(judge.recv().unwrap(), frames(byte));
    }
    push.done();
}

#[test]
fn a_line_that_stands_alone_is_flushed() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0");
    let push = libzmq_push(&mut pull);
    for line in ["one", "two", "three"] {
        push.send(&[line.as_bytes()]).unwrap();
        assert_eq!(pull.line(), line);
    }
}

#[test]
fn every_message_of_a_long_stream_becomes_a_line_in_order() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 100000");
    let mut push = zmtp(&format!("push --connect {}", pull.bound()));
    let lines: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    push.write(&lines).end_input();
    push.done();
    assert!(pull.done().out == lines);
}
