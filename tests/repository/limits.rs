//! `docs/limits.md` is made of the code's own defaults: `UPDATE=1 cargo test -p zmtp-tests --test repository`.

use std::fmt::Write;
use std::fs;

use zmtp::harness::limits;

use crate::root;

#[test]
fn the_page_of_limits_says_what_the_code_does() {
    let mut page = HEAD.to_owned();
    for limit in limits() {
        let option = if limit.option.is_empty() { "fixed".to_owned() } else { format!("`{}`", limit.option) };
        writeln!(
            page,
            "| {} | {option} | {} | {} | {} |",
            limit.what, limit.default, limit.then, limit.shows
        )
        .expect("memory");
    }
    let file = root().join("docs/limits.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &page).expect("a writable docs folder");
    }
    let checked_in = fs::read_to_string(&file).expect("the page");
    assert!(page == checked_in, "docs/limits.md is not up to date; UPDATE=1 writes it anew");
}

const HEAD: &str = "\
# Limits

Everything that a peer can cost has a bound, and every bound has a default; without a bound is spelled out
(`Hwm::Unlimited`). The names in the column *option* are methods of a socket's builder.

This page is made of the code: `UPDATE=1 cargo test -p zmtp-tests --test repository` writes it, and the tests check it.

| what is bounded | option | default | at the bound | shows in |
|---|---|---|---|---|
";
