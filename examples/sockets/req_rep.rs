//! Questions and answers with REQ and REP: two servers share the work of one client, which asks one after the other.
//! What is out of turn is refused by the socket, not by the peer.

use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;
use zmtp::{Endpoint, RecvError, RepSocket, ReqSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut client = ReqSocket::new();
    for name in ["anna", "ben"] {
        let mut server = RepSocket::new();
        let at = server.bind("tcp://127.0.0.1:*").await?;
        client.connect(&at)?;
        tokio::spawn(async move { serve(name, &mut server, &at).await });
    }
    client.wait_for_peers(2).await;

    for question in ["how are you?", "and you?", "what is new?", "good night"] {
        // A server that dies would leave us waiting: a request has a time limit.
        let answer = timeout(Duration::from_secs(5), client.request(question)).await??;
        println!("{question} {}", text(answer.first()));
    }

    let error = client.recv().await;
    println!("and without a question: {}", error.expect_err("there is nothing to wait for"));
    Ok(())
}

/// Answers whatever comes in.
async fn serve(
    name: &str,
    server: &mut RepSocket,
    at: &Endpoint,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    loop {
        match server.recv().await {
            Ok(question) => {
                let answer = format!("- {name} at {at} heard {} octets", question.byte_len());
                server.send(answer).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn text(octets: &[u8]) -> impl std::fmt::Display {
    octets.escape_ascii()
}
