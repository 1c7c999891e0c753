//! Asks servers how they are, and tells them what to do.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use zmtp::Security;
use zmtp_patterns::clone::{ClientConfig, Operator, Place, Report, Role};

/// A server, and how it is, if it answers.
pub(crate) struct Told {
    pub(crate) place: Place,
    pub(crate) report: Option<Report>,
}

/// A connection to the server there.
pub(crate) fn operator(place: &Place, security: Security) -> Option<Operator> {
    Operator::new(place, ClientConfig::default().control.security(security)).ok()
}

/// How they are that answer within that time, all asked together.
pub(crate) async fn reports(places: &[Place], security: &Security, limit: Duration) -> Vec<Told> {
    let mut asked = Vec::new();
    for place in places {
        let (place, security) = (place.clone(), security.clone());
        asked.push(tokio::spawn(async move {
            let report = async { operator(&place, security)?.report().await };
            let report = timeout(limit, report).await.ok().flatten();
            Told { place, report }
        }));
    }
    let mut told = Vec::new();
    for it in asked {
        told.extend(it.await);
    }
    told
}

impl Told {
    /// For people: its words, and what is wrong with it.
    pub(crate) fn words(&self) -> Vec<String> {
        let Some(report) = &self.report else { return vec!["silent".to_owned()] };
        let mut words = vec![report.role.to_string()];
        if report.is_paired {
            words.push(format!("peer {}", report.peer.map_or("silent".to_owned(), |role| role.to_string())));
            let number = |up: bool| report.paths.iter().filter(|path| **path == up).count();
            words.push(format!("paths {} of {}", number(true), report.paths.len()));
            words.extend(figure(report, "lag").map(|lag| format!("lag {lag}")));
            words.extend(
                figure(report, "twin").map(|_| "the peer is primary or backup as this one is".to_owned()),
            );
        }
        words.push(format!("version {}", report.version));
        words
    }

    pub(crate) fn json(&self) -> Value {
        let at = self.place.control.to_string();
        let Some(report) = &self.report else { return json!({ "at": at, "role": null }) };
        let figures: serde_json::Map<_, _> =
            report.figures.iter().map(|(name, figure)| (name.clone(), json!(figure))).collect();
        json!({
            "at": at,
            "role": report.role.to_string(),
            "peer": report.peer.map(|role| role.to_string()),
            "paths": report.paths,
            "version": report.version.to_string(),
            "figures": figures,
        })
    }

    pub(crate) fn is_active(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.role == Role::Active)
    }
}

fn figure(report: &Report, name: &str) -> Option<u64> {
    report.figures.iter().find(|(it, _)| it == name).map(|(_, figure)| *figure)
}

/// A server that is there says so by then.
pub(crate) const SOON: Duration = Duration::from_secs(1);
