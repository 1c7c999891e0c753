//! What the repository says of itself, checked: the fuzz corpus holds what must hold, and the table of conformance
//! names files and tests that exist.

use std::fs;
use std::path::{Path, PathBuf};

use zmtp::harness::TARGETS;

#[test]
fn every_input_of_the_fuzz_corpus_passes_its_target() {
    for (name, target) in TARGETS {
        let folder = root().join("fuzz/corpus").join(name);
        let inputs: Vec<_> = fs::read_dir(&folder).expect("a corpus for each target").collect();
        assert!(inputs.len() >= 8, "{} inputs in {}", inputs.len(), folder.display());
        for input in inputs {
            let path = input.expect("a readable folder").path();
            // On failure the path of the input stands above the panic.
            println!("{}", path.display());
            target(&fs::read(&path).expect("a readable input"));
        }
    }
}

#[test]
fn every_row_of_the_conformance_table_names_a_file_and_a_test_that_exist() {
    let table = fs::read_to_string(root().join("docs/conformance.md")).expect("the table");
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, clause, _, _, kept, shown, _] = cells[..] else { panic!("{row}: not five cells") };
        let kept = kept.trim_matches('`');
        assert!(root().join(kept).is_file(), "{clause}: there is no {kept}");
        let [file, test] = shown.split(' ').map(|part| part.trim_matches('`')).collect::<Vec<_>>()[..] else {
            panic!("{clause}: not a file and a test: {shown}")
        };
        let text =
            fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{clause}: {file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{clause}: no test {test} in {file}");
        rows += 1;
    }
    assert!(rows > 80, "{rows} rows");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
