//! A SOCKS 5 proxy on the way (RFC 1928, RFC 1929). The proxy is the test's own, and does what RFC 1928 says.

use std::io::ErrorKind;
use std::time::Duration;

use support::{ANY_PORT, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use zmtp::{Endpoint, Event, PullSocket, PushSocket, Reconnect, SocksProxy, TcpOptions};

/// Case 185.
#[tokio::test]
async fn case_185_messages_cross_a_proxy_and_it_resolves_the_names() {
    for credentials in [None, Some(("tim", "secret"))] {
        let mut proxy = Proxy::start(credentials, 0).await;
        for (bind, host) in [(ANY_PORT, "127.0.0.1"), (ANY_PORT, "localhost"), ("tcp://[::1]:*", "[::1]")] {
            let mut pull = PullSocket::new();
            let Endpoint::Tcp { port, .. } = pull.bind(bind).await.unwrap() else { panic!() };
            let push = PushSocket::builder().tcp(through(&proxy, credentials)).build();
            push.connect(format!("tcp://{host}:{port}")).unwrap();

            push.send("by proxy").await.unwrap();

            assert_eq!(within(20, pull.recv()).await.unwrap(), "by proxy");
            assert_eq!(within(20, proxy.asked.recv()).await.unwrap(), format!("{host}:{port}"));
        }
    }
}

/// What the proxy says is the error of the attempt.
#[tokio::test]
async fn what_a_proxy_refuses_is_a_failed_attempt() {
    for (asks_for, given, reply, expected) in [
        (None, None, 5, (ErrorKind::ConnectionRefused, "nobody listens at the endpoint")),
        (None, None, 2, (ErrorKind::PermissionDenied, "its rules forbid this connection")),
        (None, None, 4, (ErrorKind::HostUnreachable, "the host cannot be reached")),
        (None, None, 9, (ErrorKind::Other, "it failed with code 9")),
        (
            Some(("tim", "secret")),
            Some(("tim", "wrong")),
            0,
            (ErrorKind::PermissionDenied, "does not know this name"),
        ),
        (
            Some(("tim", "secret")),
            None,
            0,
            (ErrorKind::PermissionDenied, "another way of showing who we are"),
        ),
    ] {
        let proxy = Proxy::start(asks_for, reply).await;
        let error = attempt(through(&proxy, given)).await;
        assert_eq!(error.kind(), expected.0, "{error}");
        assert!(error.to_string().contains(expected.1), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_a_failed_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.unwrap();
        io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = io.read(&mut [0; 64]).await;
    });
    let proxy = SocksProxy { host: "127.0.0.1".into(), port, username: None, password: None };
    let error = attempt(TcpOptions { socks_proxy: Some(proxy), ..TcpOptions::default() }).await;
    assert_eq!(error.to_string(), "the SOCKS proxy does not speak version 5");
}

/// `connect_timeout` is about the whole attempt: here about a proxy that says nothing.
#[tokio::test]
async fn an_attempt_ends_after_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = SocksProxy { host: "localhost".into(), port, username: None, password: None };
    let push = PushSocket::builder()
        .tcp(TcpOptions { socks_proxy: Some(proxy), ..TcpOptions::default() })
        .connect_timeout(Duration::from_millis(20))
        .build();
    let mut monitor = push.monitor();
    push.connect("tcp://127.0.0.1:1").unwrap();
    assert_eq!(within(20, monitor.next()).await.unwrap().name(), "connect-delayed");
    let Some(Event::ConnectFailed { error, .. }) = within(20, monitor.next()).await else { panic!() };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_password_is_not_printed() {
    let proxy = SocksProxy {
        host: "h".into(),
        port: 1,
        username: Some("tim".into()),
        password: Some("secret".into()),
    };
    let printed = format!(
        "{:?}",
        PushSocket::builder().tcp(TcpOptions { socks_proxy: Some(proxy), ..TcpOptions::default() })
    );
    assert!(printed.contains("tim") && !printed.contains("secret"), "{printed}");
}

/// The error of one attempt to connect.
async fn attempt(tcp: TcpOptions) -> std::sync::Arc<std::io::Error> {
    let push = PushSocket::builder().tcp(tcp).reconnect(Reconnect::never()).build();
    let mut monitor = push.monitor();
    push.connect("tcp://127.0.0.1:1").unwrap();
    assert_eq!(within(20, monitor.next()).await.unwrap().name(), "connect-delayed");
    match within(20, monitor.next()).await.unwrap() {
        Event::ConnectFailed { error, .. } => error,
        other => panic!("{other}"),
    }
}

fn through(proxy: &Proxy, credentials: Option<(&str, &str)>) -> TcpOptions {
    let (username, password) =
        credentials.map(|(name, password)| (name.to_owned(), password.to_owned())).unzip();
    let proxy = SocksProxy { host: "127.0.0.1".into(), port: proxy.port, username, password };
    TcpOptions { socks_proxy: Some(proxy), ..TcpOptions::default() }
}

type Credentials = Option<(&'static str, &'static str)>;

struct Proxy {
    port: u16,
    /// `host:port` of each request.
    asked: mpsc::UnboundedReceiver<String>,
}

impl Proxy {
    /// One that wants these credentials and gives this reply; 0 is success.
    async fn start(credentials: Credentials, reply: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ask, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                tokio::spawn(serve(io, credentials, reply, ask.clone()));
            }
        });
        Self { port, asked }
    }
}

/// One client. `None` when it went away, or was sent away.
async fn serve(
    mut io: TcpStream,
    credentials: Credentials,
    reply: u8,
    ask: mpsc::UnboundedSender<String>,
) -> Option<()> {
    assert_eq!(io.read_u8().await.ok()?, 5);
    let offered = text(&mut io).await?;
    let Some((name, password)) = credentials else {
        assert!(offered.contains('\0'));
        io.write_all(&[5, 0]).await.ok()?;
        return relay(io, reply, ask).await;
    };
    if !offered.contains('\u{2}') {
        return io.write_all(&[5, 0xff]).await.ok();
    }
    io.write_all(&[5, 2]).await.ok()?;
    assert_eq!(io.read_u8().await.ok()?, 1);
    let given = (text(&mut io).await?, text(&mut io).await?);
    if (given.0.as_str(), given.1.as_str()) != (name, password) {
        return io.write_all(&[1, 1]).await.ok();
    }
    io.write_all(&[1, 0]).await.ok()?;
    relay(io, reply, ask).await
}

async fn relay(mut io: TcpStream, reply: u8, ask: mpsc::UnboundedSender<String>) -> Option<()> {
    let mut head = [0; 4];
    io.read_exact(&mut head).await.ok()?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => std::net::Ipv4Addr::from(io.read_u32().await.ok()?).to_string(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(io.read_u128().await.ok()?)),
        3 => text(&mut io).await?,
        other => panic!("address type {other}"),
    };
    let target = format!("{host}:{}", io.read_u16().await.ok()?);
    // Where the proxy connects from: here as a name, which has a length of its own.
    let mut answer = vec![5, reply, 0, 3, 5];
    answer.extend(b"proxy\0\x07");
    if reply != 0 {
        return io.write_all(&answer).await.ok();
    }
    let mut onward = TcpStream::connect(&target).await.ok()?;
    ask.send(target).ok()?;
    io.write_all(&answer).await.ok()?;
    copy_bidirectional(&mut io, &mut onward).await.ok().map(drop)
}

/// A length and so many octets.
async fn text(io: &mut TcpStream) -> Option<String> {
    let mut octets = vec![0; io.read_u8().await.ok()?.into()];
    io.read_exact(&mut octets).await.ok()?;
    String::from_utf8(octets).ok()
}
