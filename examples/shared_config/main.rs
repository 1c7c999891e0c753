//! A configuration that several services share: each has what concerns it in its own memory, and acts on a change when it
//! happens. An operator changes it; a table on the terminal shows who goes by what, and plain lines in a pipe.
//!
//! On a terminal it goes on until Ctrl-C, without one it ends by itself.

#[path = "../common/free.rs"]
mod free;
mod service;
#[path = "../common/show.rs"]
mod show;

use std::error::Error;
use std::time::Duration;

use tokio::time::sleep;
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Config, Lasts, Server, To, Version, When, WriteError,
};

use crate::service::Service;
use crate::show::Show;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sockets, place) = free::bound().await?;
    let _server = Server::start(sockets, Config::default());
    let show = Show::new(6);
    let mut services = Vec::new();
    for name in ["web", "mail", "search"] {
        let service = Service::start(&place, name, show.row(name));
        // So that each has seen everything when the operator begins.
        service.ready().await;
        services.push(service);
    }
    let operator = Client::start(vec![place], ClientConfig::of(["all/"]));
    let mut last = Version::default();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            changed = change(&operator, &show) => last = changed?,
        }
        if !show.is_terminal() {
            break;
        }
    }
    let mut said = Vec::new();
    for service in &services {
        let settings = service.settings_at(last).await;
        said.push(format!("{} {settings}", service.name()));
    }
    drop(services);
    show.end(&format!("settings: {}", said.join(", ")));
    Ok(())
}

/// A day in the life of a configuration. Says with which change it ended.
async fn change(operator: &Client, show: &Show) -> Result<Version, WriteError> {
    let pause = if show.is_terminal() { Duration::from_secs(1) } else { Duration::from_millis(50) };

    show.say("the operator sets what all need and what each needs, all of it at once");
    let first = [("all/level", "info"), ("web/port", "8080"), ("mail/port", "25"), ("search/port", "9200")];
    operator.write(first.map(|(key, value)| set(key, value)).to_vec()).await?;
    sleep(pause).await;

    show.say("web moves: nobody ever sees the new host with the old port");
    operator.write(vec![set("web/host", "10.0.0.7"), set("web/port", "80")]).await?;
    sleep(pause).await;

    show.say("maintenance, for a while: it ends by itself");
    let to = To::Value { value: "yes".into(), lasts: Lasts::For(pause) };
    let change = Change { key: "all/maintenance".into(), to, when: When::Always };
    operator.wait_for(operator.write(vec![change]).await?).await;
    while operator.get(b"all/maintenance").is_some() {
        sleep(pause / 5).await;
    }

    show.say("two operators want to be the one who changes the level; the second is told so");
    let seen = operator.set("all/level", "warn").await?;
    let if_unchanged = |value| Change { when: When::Unchanged(seen), ..set("all/level", value) };
    operator.write(vec![if_unchanged("debug")]).await?;
    let Err(WriteError::Conflict { .. }) = operator.write(vec![if_unchanged("error")]).await else {
        panic!("it was changed since");
    };
    sleep(pause).await;

    show.say("search needs no port of its own any more");
    let last = operator.delete("search/port").await?;
    sleep(pause).await;
    Ok(last)
}

fn set(key: &'static str, value: &'static str) -> Change {
    Change {
        key: key.into(),
        to: To::Value { value: value.into(), lasts: Lasts::Forever },
        when: When::Always,
    }
}
