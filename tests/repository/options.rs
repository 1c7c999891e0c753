//! `docs/options.md` says of every option of libzmq where it is in ours. Nothing is missing there, and nothing that it
//! names is missing in the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::root;

#[test]
fn every_option_of_libzmq_has_one_row() {
    let mut rows = BTreeMap::<String, u32>::new();
    for (option, _) in table() {
        *rows.entry(option).or_default() += 1;
    }

    for option in OPTIONS.split_whitespace() {
        assert_eq!(rows.remove(&format!("ZMQ_{option}")), Some(1), "rows of ZMQ_{option}");
    }
    assert!(rows.is_empty(), "libzmq has no {:?}", rows.keys());
}

#[test]
fn every_method_and_field_named_there_exists() {
    let sources = sources(&root().join("zmtp/src"));
    let mut named = 0;

    for (option, ours) in table() {
        // Every other piece is between backticks.
        for name in ours.split('`').skip(1).step_by(2) {
            let exists = match name.split_once("::") {
                None => has_method(&sources, name),
                Some((of, member)) => {
                    let declared = [("struct", " {"), ("enum", " {"), ("struct", "(")]
                        .map(|(kind, begin)| format!("pub {kind} {of}{begin}"));
                    let found = declared.iter().find_map(|line| body(&sources, line));
                    let found = found.unwrap_or_else(|| panic!("{option}: there is no type {of}"));
                    found.contains(&format!("\n    pub {member}:"))
                        || [",", "("].iter().any(|end| found.contains(&format!("\n    {member}{end}")))
                        || has_method(&sources, member)
                }
            };
            assert!(exists, "{option}: there is no {name}");
            named += 1;
        }
    }
    assert!(named > 70, "{named} names");
}

/// What stands in the first two columns: an option of libzmq, and what is ours.
fn table() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/options.md")).expect("the table");
    let rows = text.lines().filter(|line| line.starts_with("| ZMQ_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, option, ours, _, _, _] = cells[..] else { panic!("{row}: not four cells") };
        (option.to_owned(), ours.to_owned())
    })
    .collect()
}

fn has_method(sources: &str, name: &str) -> bool {
    ["", "async ", "const "].iter().any(|kind| {
        let start = format!("pub {kind}fn {name}");
        sources.match_indices(&start).any(|(at, _)| sources[at + start.len()..].starts_with(['(', '<']))
    })
}

/// What stands between a line and the end of what it begins.
fn body<'a>(sources: &'a str, line: &str) -> Option<&'a str> {
    let (_, rest) = sources.split_once(line)?;
    rest.split_once("\n}").map(|(body, _)| body)
}

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            all += &sources(&path);
        } else {
            all += &fs::read_to_string(&path).expect("a source file");
        }
    }
    all
}

/// `ZMQ_...` of zmq.h and zmq_draft.h, for sockets and then for contexts, without the old names of the same.
const OPTIONS: &str = "
    AFFINITY ROUTING_ID SUBSCRIBE UNSUBSCRIBE RATE RECOVERY_IVL SNDBUF RCVBUF RCVMORE FD EVENTS TYPE LINGER
    RECONNECT_IVL BACKLOG RECONNECT_IVL_MAX MAXMSGSIZE SNDHWM RCVHWM MULTICAST_HOPS RCVTIMEO SNDTIMEO LAST_ENDPOINT
    ROUTER_MANDATORY TCP_KEEPALIVE TCP_KEEPALIVE_CNT TCP_KEEPALIVE_IDLE TCP_KEEPALIVE_INTVL IMMEDIATE XPUB_VERBOSE
    ROUTER_RAW IPV6 MECHANISM PLAIN_SERVER PLAIN_USERNAME PLAIN_PASSWORD CURVE_SERVER CURVE_PUBLICKEY
    CURVE_SECRETKEY CURVE_SERVERKEY PROBE_ROUTER REQ_CORRELATE REQ_RELAXED CONFLATE ZAP_DOMAIN ROUTER_HANDOVER TOS
    CONNECT_ROUTING_ID GSSAPI_SERVER GSSAPI_PRINCIPAL GSSAPI_SERVICE_PRINCIPAL GSSAPI_PLAINTEXT HANDSHAKE_IVL
    SOCKS_PROXY XPUB_NODROP XPUB_MANUAL XPUB_WELCOME_MSG STREAM_NOTIFY INVERT_MATCHING HEARTBEAT_IVL HEARTBEAT_TTL
    HEARTBEAT_TIMEOUT XPUB_VERBOSER CONNECT_TIMEOUT TCP_MAXRT THREAD_SAFE MULTICAST_MAXTPDU VMCI_BUFFER_SIZE
    VMCI_BUFFER_MIN_SIZE VMCI_BUFFER_MAX_SIZE VMCI_CONNECT_TIMEOUT USE_FD GSSAPI_PRINCIPAL_NAMETYPE
    GSSAPI_SERVICE_PRINCIPAL_NAMETYPE BINDTODEVICE

    IPV4ONLY TCP_ACCEPT_FILTER IPC_FILTER_PID IPC_FILTER_UID IPC_FILTER_GID

    ZAP_ENFORCE_DOMAIN LOOPBACK_FASTPATH METADATA MULTICAST_LOOP ROUTER_NOTIFY XPUB_MANUAL_LAST_VALUE SOCKS_USERNAME
    SOCKS_PASSWORD IN_BATCH_SIZE OUT_BATCH_SIZE WSS_KEY_PEM WSS_CERT_PEM WSS_TRUST_PEM WSS_HOSTNAME WSS_TRUST_SYSTEM
    ONLY_FIRST_SUBSCRIBE RECONNECT_STOP HELLO_MSG DISCONNECT_MSG PRIORITY BUSY_POLL HICCUP_MSG
    XSUB_VERBOSE_UNSUBSCRIBE TOPICS_COUNT NORM_MODE NORM_UNICAST_NACK NORM_BUFFER_SIZE NORM_SEGMENT_SIZE
    NORM_BLOCK_SIZE NORM_NUM_PARITY NORM_NUM_AUTOPARITY NORM_PUSH

    IO_THREADS MAX_SOCKETS SOCKET_LIMIT THREAD_PRIORITY THREAD_SCHED_POLICY MAX_MSGSZ MSG_T_SIZE
    THREAD_AFFINITY_CPU_ADD THREAD_AFFINITY_CPU_REMOVE THREAD_NAME_PREFIX ZERO_COPY_RECV BLOCKY
";
