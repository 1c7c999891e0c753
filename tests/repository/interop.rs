//! Every case of interoperability is shown by a test or excused. `docs/interop.md` is made of `cases.txt`, which says
//! what each case is and why some have no test, and of the names of the tests: `fn case_012_...` shows case 12.
//!
//! `UPDATE=1 cargo test -p zmtp-tests --test repository` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::root;

#[test]
fn every_case_of_interoperability_is_shown_or_excused_and_the_table_says_how() {
    let shown = shown();
    let table = table(include_str!("cases.txt"), &shown);
    let file = root().join("docs/interop.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &table).expect("a writable docs folder");
    }

    let checked_in = fs::read_to_string(&file).expect("the table");

    for (now, then) in table.lines().zip(checked_in.lines()) {
        assert!(now == then, "docs/interop.md is not up to date; UPDATE=1 writes it anew\n- {then}\n+ {now}");
    }
    assert!(table == checked_in, "docs/interop.md is not up to date; UPDATE=1 writes it anew");
}

/// The table in full. Panics on a case that is neither shown nor excused, that is both, or that is not in the list.
fn table(cases: &str, shown: &BTreeMap<String, Vec<Shown>>) -> String {
    let (mut text, mut listed, mut open) = (HEAD.to_owned(), Vec::new(), Vec::new());
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(title) = line.strip_prefix("## ") {
            write!(text, "\n## {title}\n\n| case | what | shown by |\n|---|---|---|\n").expect("memory");
            continue;
        }
        let (number, what, excuse) = match line.split(" | ").collect::<Vec<_>>()[..] {
            [number, what] => (number, what, None),
            [number, what, excuse] => (number, what, Some(excuse)),
            _ => panic!("not a case: {line}"),
        };
        let by = match (shown.get(number), excuse) {
            (Some(tests), None) => tests.iter().map(Shown::to_string).collect::<Vec<_>>().join("<br>"),
            (None, Some(excuse)) => format!("not applicable: {excuse}"),
            (Some(tests), Some(_)) => panic!("case {number} is excused, and shown by {}", tests[0]),
            (None, None) => {
                open.push(number);
                continue;
            }
        };
        writeln!(text, "| {number} | {what} | {by} |").expect("memory");
        listed.push(number);
    }
    assert!(open.is_empty(), "neither shown nor excused: {}", open.join(", "));
    for (number, tests) in shown {
        assert!(listed.contains(&&number[..]), "{}: there is no case {number}", tests[0]);
    }
    text
}

/// The tests, by the number of their case.
fn shown() -> BTreeMap<String, Vec<Shown>> {
    let mut shown = BTreeMap::<_, Vec<_>>::new();
    for folder in ["tests", "zmtp/src"] {
        sources(&root().join(folder), &mut |path, text| {
            let file = path.strip_prefix(root()).expect("a file of ours").to_string_lossy().into_owned();
            for name in names(text) {
                let number = number(name).unwrap_or_else(|| panic!("{file}: {name} has no number"));
                shown.entry(number).or_default().push(Shown { file: file.clone(), name: name.to_owned() });
            }
        });
    }
    shown.values_mut().for_each(|tests| tests.sort());
    shown
}

/// A test of a case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    file: String,
    name: String,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` `{}`", self.file, self.name)
    }
}

/// The functions that are named after a case.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let functions = text.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("async ");
        line.strip_prefix("fn ")?.split(['(', '<']).next()
    });
    functions.filter(|name| name.starts_with("case_"))
}

/// `case_012_...` is 12, `case_178a_...` is 178a.
fn number(name: &str) -> Option<String> {
    let number = name.strip_prefix("case_")?.split('_').next()?.trim_start_matches('0');
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_one =
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && number.len() <= digits.len() + 1;
    is_one.then(|| number.to_owned())
}

/// Calls `see` for each Rust source below `folder`, in order.
fn sources(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &fs::read_to_string(&path).expect("a readable source"));
        }
    }
}

#[test]
#[should_panic(expected = "neither shown nor excused: 2")]
fn a_case_that_nothing_shows_needs_an_excuse() {
    table("1 | a | why\n2 | b\n3 | c | why", &BTreeMap::new());
}

#[test]
#[should_panic(expected = "case 1 is excused, and shown by `f` `case_001_x`")]
fn a_case_that_is_shown_needs_no_excuse() {
    table("1 | a | why", &one("1"));
}

#[test]
#[should_panic(expected = "there is no case 9")]
fn a_test_is_named_after_a_case_that_exists() {
    table("1 | a | why", &one("9"));
}

#[test]
fn the_number_of_a_case_is_in_the_name() {
    let source = "    async fn case_178a_x() {}\nfn case_012_y() {}\nfn a_case_1() {}\n/// fn case_3_\n";
    let numbers: Vec<_> = names(source).map(|name| number(name).unwrap()).collect();
    assert_eq!(numbers, ["178a", "12"]);
    assert_eq!(number("case_abc_"), None);
}

fn one(number: &str) -> BTreeMap<String, Vec<Shown>> {
    let test = Shown { file: "f".into(), name: "case_001_x".into() };
    BTreeMap::from([(number.to_owned(), vec![test])])
}

const HEAD: &str = "\
# Interoperability

What is tried with libzmq 4.3.5 on the other side, or with a scripted peer that talks to libzmq's socket and to ours
alike. This table is made by a test, of `tests/repository/cases.txt` and of the names of the tests; that test fails when
a case is neither shown nor excused.
";
