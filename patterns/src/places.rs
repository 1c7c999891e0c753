//! Endpoints that follow from another one.

use zmtp::{Endpoint, EndpointError};

/// The one so many ports further, or so many files.
pub(crate) fn beside(control: &Endpoint, number: u16) -> Result<Endpoint, EndpointError> {
    match control {
        Endpoint::Tcp { host, port, source } => match port.checked_add(number) {
            Some(port) => Ok(Endpoint::Tcp { host: host.clone(), port, source: source.clone() }),
            // It says what is wrong with such a port.
            None => format!("tcp://{host}:{}", u32::from(*port) + u32::from(number)).parse(),
        },
        other => format!("{other}-{number}").parse(),
    }
}
