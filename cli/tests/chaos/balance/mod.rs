//! `zmtp balance` in bad weather.

mod freeze;
mod promises;
mod town;

/// What workers run: it writes down that it begins, as which process and of which worker, takes a while, writes down that
/// it ends, and tells who it was. The job's line is `NAME:SECONDS`, the second argument the log.
const JOB: &str = r#"echo "start $1 $$ $PPID" >> "$2"
sleep "${1#*:}"
echo "end $1 $$ $PPID" >> "$2"
echo $$"#;
