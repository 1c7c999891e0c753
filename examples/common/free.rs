//! The sockets of a server of the clone, on free ports of this machine.

use zmtp::BindError;
use zmtp_patterns::clone::{Place, Sockets};

/// And where they are.
pub(crate) async fn bound() -> Result<(Sockets, Place), BindError> {
    let sockets = Sockets {
        control: Sockets::control().build(),
        updates: Sockets::updates().build(),
        changes: Sockets::changes().build(),
        chp: None,
    };
    let place = Place {
        control: sockets.control.bind(ANY).await?,
        updates: sockets.updates.bind(ANY).await?,
        changes: sockets.changes.bind(ANY).await?,
    };
    Ok((sockets, place))
}

/// A port that nobody has.
pub(crate) const ANY: &str = "tcp://127.0.0.1:*";
