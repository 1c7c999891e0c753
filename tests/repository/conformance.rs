//! The table of conformance names files and tests that exist, and leaves no duty out: `clauses.txt` has the id and
//! level of each SHALL and MUST that it must answer for.

use std::collections::BTreeMap;
use std::fs;

use crate::root;

#[test]
fn every_row_of_the_conformance_table_names_a_file_and_a_test_that_exist() {
    for row in rows(&table()) {
        let Some(Shown { kept, file, test }) = row.shown else { continue };
        let clause = row.clause;
        assert!(root().join(kept).is_file(), "{clause}: there is no {kept}");
        let text =
            fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{clause}: {file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{clause}: no test {test} in {file}");
    }
}

#[test]
fn every_duty_of_the_rfcs_has_a_row_of_its_level() {
    let table = table();
    let levels: BTreeMap<&str, &str> = rows(&table).map(|row| (row.clause, row.level)).collect();
    let duties = include_str!("clauses.txt").lines().filter(|line| !line.starts_with('#'));
    let missing: Vec<&str> = duties
        .filter(|duty| {
            let (clause, level) = duty.split_once(' ').expect("an id and a level");
            levels.get(clause) != Some(&level)
        })
        .collect();
    assert!(missing.is_empty(), "no row, or one of another level: {}", missing.join(", "));
}

/// One line of the table: `| R37-VER-06 | SHALL | in our words | kept in | shown by |`.
struct Row<'a> {
    clause: &'a str,
    level: &'a str,
    /// None for a clause that does not apply, and says why.
    shown: Option<Shown<'a>>,
}

struct Shown<'a> {
    kept: &'a str,
    file: &'a str,
    test: &'a str,
}

fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    table.lines().filter(|line| line.starts_with("| R")).map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, clause, level, _, kept, shown, _] = cells[..] else { panic!("{row}: not five cells") };
        let shown = match shown.strip_prefix("not applicable: ") {
            Some(reason) => {
                assert!(kept == "–" && !reason.is_empty(), "{clause}: kept or not applicable?");
                None
            }
            None => {
                let mut parts = shown.split(' ').map(|part| part.trim_matches('`'));
                let (Some(file), Some(test), None) = (parts.next(), parts.next(), parts.next()) else {
                    panic!("{clause}: not a file and a test: {shown}")
                };
                Some(Shown { kept: kept.trim_matches('`'), file, test })
            }
        };
        Row { clause, level, shown }
    })
}

fn table() -> String {
    fs::read_to_string(root().join("docs/conformance.md")).expect("the table")
}
