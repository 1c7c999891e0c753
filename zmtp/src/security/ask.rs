//! Asking an authenticator without being at its mercy.

use tokio::task::JoinSet;

use super::{Authenticator, Decision, Request, User};
use crate::wire::Denial;

/// What the authenticator decides. It runs in a task of its own, which ends when nobody waits for it any more, and whose
/// panic is a denial.
pub(crate) async fn ask(authenticator: Option<&Authenticator>, request: Request) -> Result<User, Denial> {
    let Some(authenticator) = authenticator else { return Err(Denial::Failed) };
    let authenticator = authenticator.clone();
    let mut deciding = JoinSet::new();
    deciding.spawn(async move { authenticator.decide(request).await });
    match deciding.join_next().await {
        Some(Ok(Decision::Accept(user))) if user.id.len() <= LONGEST_ID => Ok(user),
        Some(Ok(Decision::Deny(denial))) => Err(denial),
        _ => Err(Denial::Failed),
    }
}

/// Octets of a user id.
const LONGEST_ID: usize = 255;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;
    use crate::security::{Plain, Security};
    use crate::wire::Credentials;

    fn request() -> Request {
        let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
        Request { credentials: Credentials::Null, address: None, endpoint }
    }

    #[tokio::test]
    async fn hostile_63_what_is_not_a_clear_yes_is_a_no() {
        let panics = Authenticator::new(async |_| panic!("out of order"));
        assert_eq!(ask(Some(&panics), request()).await, Err(Denial::Failed));
        let babbles = Authenticator::new(async |_| Decision::accept("x".repeat(2000)));
        assert_eq!(ask(Some(&babbles), request()).await, Err(Denial::Failed));
        assert_eq!(ask(None, request()).await, Err(Denial::Failed));
        let denies = Authenticator::new(async |_| Decision::DENY);
        assert_eq!(ask(Some(&denies), request()).await, Err(Denial::Denied));
        let accepts = Authenticator::new(async |_| Decision::accept("x".repeat(255)));
        assert!(ask(Some(&accepts), request()).await.is_ok());
    }

    #[tokio::test]
    async fn a_decision_that_nobody_waits_for_any_more_is_not_made() {
        let (begun, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, goes) = (Arc::clone(&begun), Arc::clone(&gone));
        let waits = Authenticator::new(move |_| {
            let going = Going(Arc::clone(&goes));
            begins.notify_one();
            async move {
                let _going = going;
                std::future::pending().await
            }
        });
        let security = Security::from(Plain::server(waits));
        let Request { credentials, address, endpoint } = request();
        let asking = tokio::spawn(async move { security.decide(credentials, address, endpoint).await });
        begun.notified().await;

        asking.abort();

        gone.notified().await;
        assert!(asking.await.unwrap_err().is_cancelled());
    }

    /// Tells when it goes.
    struct Going(Arc<Notify>);

    impl Drop for Going {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
}
