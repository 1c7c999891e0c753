//! The span that the events of one connection are in. Without the feature `tracing` it is nothing.

use super::Settings;
use crate::endpoint::Endpoint;
#[cfg(feature = "tracing")]
use crate::monitor::trace;

/// A connection's span, for the task that serves it.
#[derive(Debug)]
pub(crate) struct ConnectionSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl ConnectionSpan {
    pub(crate) fn of(settings: &Settings, endpoint: &Endpoint, peer: Option<&str>) -> Self {
        let config = &settings.config;
        let mechanism = config.mechanism.name();
        Self { span: trace::connection(config.socket_type, &settings.name, mechanism, endpoint, peer) }
    }

    /// `serving`, in the span whenever it runs.
    pub(crate) fn around<F: Future>(self, serving: F) -> tracing::instrument::Instrumented<F> {
        tracing::Instrument::instrument(serving, self.span)
    }
}

#[cfg(not(feature = "tracing"))]
impl ConnectionSpan {
    pub(crate) fn of(_: &Settings, _: &Endpoint, _: Option<&str>) -> Self {
        Self {}
    }

    pub(crate) fn around<F: Future>(self, serving: F) -> F {
        serving
    }
}
