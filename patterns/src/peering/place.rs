//! Where a broker is.

use std::str::FromStr;

use zmtp::{Endpoint, EndpointError};

use crate::places::beside;

/// The endpoints of one broker. From one of them come all four: the next three ports, or files beside it.
///
/// ```
/// use zmtp_patterns::peering::Place;
///
/// let place: Place = "tcp://10.0.0.1:6000".parse()?;
/// assert_eq!(place.workers.to_string(), "tcp://10.0.0.1:6001");
/// assert_eq!(place.cloud.to_string(), "tcp://10.0.0.1:6002");
/// assert_eq!(place.state.to_string(), "tcp://10.0.0.1:6003");
/// # Ok::<(), zmtp::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its localfe, for clients and operators.
    pub clients: Endpoint,
    /// Its localbe, for workers.
    pub workers: Endpoint,
    /// Its cloudfe: other brokers dial it, and say this when they tell of it.
    pub cloud: Endpoint,
    /// Its statebe: other brokers follow it.
    pub state: Endpoint,
}

impl FromStr for Place {
    type Err = EndpointError;

    fn from_str(first: &str) -> Result<Self, EndpointError> {
        let clients: Endpoint = first.parse()?;
        let [workers, cloud, state] = [1, 2, 3].map(|number| beside(&clients, number));
        Ok(Self { workers: workers?, cloud: cloud?, state: state?, clients })
    }
}
