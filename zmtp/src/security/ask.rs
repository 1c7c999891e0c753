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
    use super::*;
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
}
