//! What can be wrong with a peer, sorted by whom to call.

use super::mechanism::Denial;

/// Why a connection was ended because of what the peer sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what the protocol's grammar allows.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Each piece is well-formed, but the peer broke a rule or a limit.
    #[error("peer misbehaved: {0}")]
    Misbehaved(#[from] Misbehaved),
    /// The peer is honest; we cannot talk to each other.
    #[error("incompatible: {0}")]
    Incompatible(#[from] Incompatible),
    /// The peer refused us.
    #[error("denied: {0}")]
    Denied(#[from] Denied),
    /// We refused the peer.
    #[error("this side refused the peer: {0}")]
    Refused(Denial),
    /// The peer did not keep to CURVE, or has other keys.
    #[cfg(feature = "curve")]
    #[error("CURVE: {0}")]
    Curve(#[from] crate::curve::Error),
}

impl Error {
    /// Who is to blame, in a word: the variant's name.
    pub(crate) fn blame(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Misbehaved(_) => "misbehaved",
            Self::Incompatible(_) => "incompatible",
            Self::Denied(_) => "denied",
            Self::Refused(_) => "refused",
            #[cfg(feature = "curve")]
            Self::Curve(_) => "curve",
        }
    }

    /// Whether the peer is honest but of another version, mechanism or socket type.
    pub fn is_incompatible(&self) -> bool {
        matches!(self, Self::Incompatible(_))
    }

    /// Whether dialling this peer again cannot help: it refused us, or it is of a kind we cannot talk to (R37-ERR-01
    /// and 02). Everything else may be a passing fault (R37-ERR-04).
    pub fn is_final(&self) -> bool {
        match self {
            Self::Incompatible(_) | Self::Denied(_) => true,
            Self::Refused(denial) => *denial != Denial::ForNow,
            _ => false,
        }
    }
}

/// Bytes that do not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The first octets are not a greeting's signature.
    #[error("the first octets are not a ZMTP signature{}", .looks_like.map(|what| format!("; this looks like {what}")).unwrap_or_default())]
    Signature {
        /// What other protocol begins like this.
        looks_like: Option<&'static str>,
    },
    /// A reserved bit is set, or a command claims that more follows.
    #[error("frame flags {0:#04x}")]
    FrameFlags(u8),
    /// A frame length above 2^63-1.
    #[error("frame length {0}, above 2^63-1")]
    FrameLength(u64),
    /// A command's name is missing or longer than its frame.
    #[error("command name")]
    CommandName,
    /// A command's data does not fit its name.
    #[error("{0} command")]
    Command(&'static str),
    /// A property's name is empty, cut off, or holds other than letters, digits and `-_.+`.
    #[error("metadata: property name")]
    PropertyName,
    /// A property's value is cut off, or longer than what is left.
    #[error("metadata: property value")]
    PropertyValue,
}

/// Rules and limits that a peer broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misbehaved {
    /// A message came before both sides were ready.
    #[error("a message before READY")]
    MessageBeforeReady,
    /// A command that has no business at this moment.
    #[error("unexpected command {0}")]
    UnexpectedCommand(String),
    /// A command larger than the limit.
    #[error("a command of {size} octets, limit {limit}")]
    CommandTooLarge {
        /// What it announced.
        size: u64,
        /// What we accept.
        limit: u64,
    },
    /// A message larger than `max_message_size`.
    #[error("a message of {size} octets or more, limit {limit}")]
    MessageTooLarge {
        /// What it came to, all frames so far with the announced one.
        size: u64,
        /// What we accept.
        limit: u64,
    },
    /// A message of more frames than `max_frames`.
    #[error("a message of more than {limit} frames")]
    TooManyFrames {
        /// What we accept.
        limit: usize,
    },
    /// More subscriptions, or more octets of topics, than one peer may have.
    #[error("too many subscriptions: {0}")]
    TooManySubscriptions(&'static str),
    /// An answer that does not begin with an empty delimiter frame, or a request number and that (R28-REQ-03).
    #[error("an answer without the empty delimiter frame")]
    Envelope,
    /// Metadata with too many properties.
    #[error("metadata of more than {limit} properties")]
    TooManyProperties {
        /// What we accept.
        limit: usize,
    },
    /// The same property twice.
    #[error("metadata: property {0} twice")]
    DuplicateProperty(String),
    /// An identity of more than 255 octets, or beginning with a zero octet (R37-ID-03, 04).
    #[error("metadata: identity longer than 255 octets or beginning with a zero octet")]
    Identity,
}

/// Honest peers we cannot talk to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// ZMTP 1.0 or 2.0.
    #[error("the peer speaks ZMTP {0}; this side speaks 3.0 and 3.1")]
    Version(&'static str),
    /// Another security mechanism.
    #[error("the peer's mechanism is {theirs}, ours is {ours}")]
    Mechanism {
        /// As it came, escaped.
        theirs: String,
        /// What this socket is set to.
        ours: &'static str,
    },
    /// Both sides are servers of the same mechanism.
    #[error("both sides are servers of the same mechanism; one has to be its client")]
    TwoServers,
    /// Two socket types that do not belong together, or one we never heard of.
    #[error("the peer is a {theirs}, which does not go with our {ours}")]
    SocketType {
        /// As it came, escaped.
        theirs: String,
        /// Our own type.
        ours: &'static str,
    },
}

/// The peer's own refusal: an ERROR command with its reason, escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the peer sent ERROR \"{reason}\"")]
pub struct Denied {
    /// What it said.
    pub reason: String,
}

/// A peer's text, safe to print: escaped, and cut after 255 octets.
pub(crate) fn printable(octets: &[u8]) -> String {
    octets.iter().take(255).copied().flat_map(std::ascii::escape_default).map(char::from).collect()
}
