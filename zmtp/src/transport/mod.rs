//! How bytes get from here to there. The set is closed and known to [`Endpoint`](crate::Endpoint).

pub(crate) mod inproc;
pub(crate) mod tcp;
