//! What the repository says of itself, checked: the fuzz corpus holds what must hold, the table of conformance names
//! files and tests that exist, and the table of options names methods that exist.

mod options;

mod conformance;
mod interop;
mod limits;
mod promises;

use std::fs;
use std::path::{Path, PathBuf};

use zmtp::harness::TARGETS;

#[test]
fn every_input_of_the_fuzz_corpus_passes_its_target() {
    for (name, target) in TARGETS.iter().chain(zmtp_patterns::harness::TARGETS) {
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
