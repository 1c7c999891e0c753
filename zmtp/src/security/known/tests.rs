use super::*;
use crate::curve::KeyPair;
use crate::security::{Request, User};

async fn decide(authenticator: &Authenticator, credentials: Credentials) -> Decision {
    let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
    let address = Some("192.0.2.7:4000".to_owned());
    authenticator.decide(Request { credentials, address, endpoint }).await
}

fn plain(username: &str, password: &str) -> Credentials {
    let username = bytes::Bytes::copy_from_slice(username.as_bytes());
    Credentials::Plain { username, password: Password::new(password) }
}

#[tokio::test]
async fn keys_are_read_again_when_a_file_comes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [KeyPair::generate().unwrap().public(), KeyPair::generate().unwrap().public()];
    std::fs::write(folder.path().join("one"), format!("# who\npublic {} alice\n\n", keys[0])).unwrap();
    std::fs::write(folder.path().join(".hidden"), format!("{}", keys[1])).unwrap();
    let authenticator = Authenticator::keys_in(folder.path()).unwrap();
    let shows = |key| Credentials::Curve { key };
    assert_eq!(decide(&authenticator, shows(keys[0])).await, Decision::accept("alice"));
    assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::DENY);

    std::fs::write(folder.path().join("two"), keys[1].to_string()).unwrap();
    std::fs::remove_file(folder.path().join("one")).unwrap();
    assert_eq!(decide(&authenticator, shows(keys[0])).await, Decision::DENY);
    assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::accept(keys[1].to_string()));

    // Not an old list, and not an empty one: nobody.
    std::fs::write(folder.path().join("two"), "not a key").unwrap();
    assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::Deny(Denial::Failed));
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::Deny(Denial::ForNow));
}

#[tokio::test]
async fn while_a_file_cannot_be_read_peers_come_again_and_while_it_is_wrong_they_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("users");
    std::fs::write(&at, "alice:secret").unwrap();
    let authenticator = Authenticator::passwords_in(&at).unwrap();
    let alice = || plain("alice", "secret");
    let later = Decision::Deny(Denial::ForNow);

    std::fs::remove_file(&at).unwrap();
    assert_eq!(decide(&authenticator, alice()).await, later, "it is not there");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&at, &at).unwrap();
        assert_eq!(decide(&authenticator, alice()).await, later, "the way there has no end");
        std::fs::remove_file(&at).unwrap();
    }
    std::fs::write(&at, b"alice:\xff").unwrap();
    assert_eq!(decide(&authenticator, alice()).await, Decision::Deny(Denial::Failed), "it is no text");
    std::fs::write(&at, "alice").unwrap();
    assert_eq!(decide(&authenticator, alice()).await, Decision::Deny(Denial::Failed), "a wrong line");

    std::fs::write(&at, "alice:secret\n").unwrap();
    assert_eq!(decide(&authenticator, alice()).await, Decision::accept("alice"));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_keep_the_turn_of_its_hash() {
    static TURNS: Semaphore = Semaphore::const_new(1);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let hashing = tokio::spawn(in_turn(&TURNS, move || {
        begun.send(()).unwrap();
        may_go_on.recv()
    }));
    has_begun.await.unwrap();
    let waiting = tokio::spawn(in_turn(&TURNS, || ()));
    tokio::task::yield_now().await;

    // Both clients go away: who is being hashed, and who waits for that.
    for client in [hashing.abort_handle(), waiting.abort_handle()] {
        client.abort();
    }
    assert!(hashing.await.unwrap_err().is_cancelled());
    assert!(waiting.await.unwrap_err().is_cancelled());

    // The hash still has its memory, so nobody else begins.
    assert_eq!(TURNS.available_permits(), 0);
    go_on.send(()).unwrap();
    assert_eq!(in_turn(&TURNS, || "the next one").await, Some("the next one"));
    // And a hash that panics does not keep it either.
    assert_eq!(in_turn(&TURNS, || panic!("as the test wants it")).await, None::<()>);
    assert_eq!(in_turn(&TURNS, || "the last one").await, Some("the last one"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("users");
    let said = |text: &str| {
        std::fs::write(&at, text).unwrap();
        Authenticator::passwords_in(&at).unwrap_err().to_string()
    };
    let path = at.display();
    assert_eq!(said("a:b\nc"), format!("{path}, line 2: there has to be a colon between name and password"));
    assert_eq!(said("a:b\na:c"), format!("{path}, line 2: the user \"a\" stands there twice"));
    assert!(said("a:$argon2x").starts_with(&format!("{path}, line 1: not a hash of Argon2")));
    let missing = Authenticator::keys_in(folder.path().join("nothing")).unwrap_err();
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[tokio::test]
async fn a_password_is_right_as_it_stands_there_or_as_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("users");
    let hash = hash_password("secret").unwrap();
    std::fs::write(&at, format!("alice:{hash}\nbob:pass:word\n")).unwrap();
    let authenticator = Authenticator::passwords_in(&at).unwrap();
    for (name, password, is_right) in [
        ("alice", "secret", true),
        ("alice", "Secret", false),
        ("alice", &hash, false),
        ("bob", "pass:word", true),
        ("bob", "", false),
        ("carol", "secret", false),
        ("", "", false),
    ] {
        let expected = if is_right { Decision::accept(name) } else { Decision::DENY };
        assert_eq!(decide(&authenticator, plain(name, password)).await, expected, "{name} {password}");
    }
    assert_eq!(decide(&authenticator, Credentials::Null).await, Decision::DENY);
    assert_eq!(PasswordHash::new(&NOBODY.to_string()).unwrap(), *NOBODY);
}

#[tokio::test]
async fn only_from_near_networks() {
    let only = |networks: &[&str]| Authenticator::anybody().only_from(networks).unwrap();
    let yes = Decision::Accept(User::default());
    assert_eq!(decide(&only(&["10.0.0.0/8", "192.0.2.0/24"]), Credentials::Null).await, yes);
    assert_eq!(decide(&only(&["192.0.2.7"]), Credentials::Null).await, yes);
    assert_eq!(decide(&only(&["192.0.2.8", "::/0"]), Credentials::Null).await, Decision::DENY);
    let wrong = Authenticator::anybody().only_from(["192.0.2.0/33"]).unwrap_err();
    assert!(wrong.to_string().starts_with("\"192.0.2.0/33\" is no network"));
}
