//! Where a server is.

use std::str::FromStr;

use zmtp::{Endpoint, EndpointError};

use crate::places::beside;

/// The endpoints of one server. From one of them come all three: the next two ports, or files beside it.
///
/// ```
/// use zmtp_patterns::clone::Place;
///
/// let place: Place = "tcp://10.0.0.1:5556".parse()?;
/// assert_eq!(place.updates.to_string(), "tcp://10.0.0.1:5557");
/// assert_eq!(place.changes.to_string(), "tcp://10.0.0.1:5558");
/// # Ok::<(), zmtp::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its ROUTER: what there is, and writes that have an answer.
    pub control: Endpoint,
    /// Its XPUB: changes as they happen.
    pub updates: Endpoint,
    /// Its PULL: writes that have none.
    pub changes: Endpoint,
}

impl Place {
    /// Where one of a pair says how it is, unless it is told to elsewhere: the port after those three.
    ///
    /// # Errors
    /// If there is none.
    pub fn beats(&self) -> Result<Endpoint, EndpointError> {
        beside(&self.control, 3)
    }
}

impl FromStr for Place {
    type Err = EndpointError;

    fn from_str(first: &str) -> Result<Self, EndpointError> {
        let control: Endpoint = first.parse()?;
        Ok(Self { updates: beside(&control, 1)?, changes: beside(&control, 2)?, control })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_endpoints_are_beside_the_first() {
        let place =
            |text: &str| text.parse::<Place>().map(|it| (it.updates.to_string(), it.changes.to_string()));
        let tcp = |port| format!("tcp://*:{port}");
        assert_eq!(place("tcp://*:5556"), Ok((tcp(5557), tcp(5558))));
        let beats = "tcp://*:5556".parse::<Place>().unwrap().beats();
        assert_eq!(beats.map(|it| it.to_string()), Ok(tcp(5559)));
        let ipc = place("ipc:///tmp/clone").unwrap();
        assert_eq!(ipc, ("ipc:///tmp/clone-1".into(), "ipc:///tmp/clone-2".into()));
        assert!(place("tcp://*:65535").unwrap_err().to_string().contains("65536"));
        assert!(place("nonsense").is_err());
    }
}
