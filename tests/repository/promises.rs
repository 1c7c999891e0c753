//! The README's promises name tests that exist, and so do those of the patterns.

use std::fs;

use crate::root;

#[test]
fn every_promise_names_a_test_that_exists() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let promises = readme.split_once("## Ten promises").expect("the promises").1;
    let rows: Vec<_> =
        promises.lines().filter(|line| line.starts_with("| ") && line.contains("` `")).collect();
    assert_eq!(rows.len(), 10);
    rows.into_iter().for_each(names_a_test);
}

#[test]
fn every_promise_and_every_failure_of_the_balancer_names_a_test_that_exists() {
    assert!(promises("docs/balancer.md", "## Running it") >= 27);
}

#[test]
fn every_promise_and_every_failure_of_the_clone_names_a_test_that_exists() {
    assert!(promises("docs/clone.md", "## A server") >= 55);
}

#[test]
fn every_promise_and_every_failure_of_peering_names_a_test_that_exists() {
    assert!(promises("docs/peering.md", "## Three datacentres") >= 30);
}

/// How many rows the tables of a page have before that heading, each of which names a test.
fn promises(page: &str, end: &str) -> usize {
    let page = fs::read_to_string(root().join(page)).expect("the page");
    let tables = page.split_once(end).expect("the tables").0;
    let rows: Vec<_> =
        tables.lines().filter(|line| line.starts_with("| ") && !line.contains("| test |")).collect();
    rows.iter().copied().for_each(names_a_test);
    rows.len()
}

/// A row that ends with a file and a test in it.
fn names_a_test(row: &str) {
    let (before, name) = row.trim_end_matches("` |").rsplit_once("` `").expect("file and test");
    let (_, file) = before.rsplit_once('`').expect("a file");
    let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(source.contains(&format!("fn {name}(")), "{file} has no {name}");
}

#[test]
fn security_md_says_where_to_report_and_what_is_supported() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("the page");
    for word in ["Report a vulnerability", "working days", "latest minor release", "rust-version"] {
        assert!(page.contains(word), "SECURITY.md says nothing of: {word}");
    }
}
