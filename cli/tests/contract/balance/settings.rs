//! Options in the environment and in a file.

use crate::balance::{columns, submit, worker};
use crate::support::{Zmtp, zmtp};

#[test]
fn a_broker_takes_its_options_from_the_command_line_the_environment_and_a_file_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.toml");
    std::fs::write(&file, "bind = ['tcp://127.0.0.1:0']\nmax-attempts = 9\nbackoff = '9h'\n").unwrap();
    let variables = [("ZMTP_BALANCE_MAX_ATTEMPTS", "2"), ("ZMTP_BALANCE_CONFIG", file.to_str().unwrap())];
    let mut broker = Zmtp::start_in(&variables, &["balance", "broker", "--backoff", "1ms"]);
    let at = broker.bound();
    let _worker = worker(&at, "", "exit 1");
    let failed = submit(&at, "", "a\n").ended();
    assert_eq!(columns(&failed.out)[0][3], "2", "{}", failed.out);
}

#[test]
fn a_file_with_an_option_that_nobody_knows_is_refused_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.toml");
    std::fs::write(&file, "bnd = ['tcp://127.0.0.1:0']\n").unwrap();
    let ended = zmtp(&format!("balance broker --config {}", file.display())).ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("broker.toml: there is no option `bnd`; expected one of"), "{}", ended.err);
}
