//! What the protocols of all components have in common: a versioned header and the fields of a command in the first frame,
//! and payloads after it, which nobody looks into.

mod fields;
mod header;

pub use fields::{Reader, Writer};
pub use header::{Header, Protocol};

/// The most octets that the fields of a command may have.
pub const MAX_FIELDS: usize = 64 * 1024;

/// What is wrong with a message that is not of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is of another protocol, or of none.
    #[error("its first frame is no header of this protocol")]
    Magic,
    /// It is of a version whose rules we do not know.
    #[error("it is of version {major}, and this side speaks version {ours}")]
    Version {
        /// What it says.
        major: u8,
        /// What it may say.
        ours: u8,
    },
    /// Nobody knows this command, or it does not go in this direction.
    #[error("command {0} is unknown here")]
    Command(u8),
    /// A field is cut off, too long, or has a value that it cannot have.
    #[error("field `{0}` is missing, too long or wrong")]
    Field(&'static str),
    /// A frame is missing, or one too many.
    #[error("it has not as many frames as its command needs")]
    Frames,
}
