//! The command line of a contender.

use clap::{Parser, ValueEnum};

/// One side of a benchmark.
///
/// ```text
/// push|pull|req|rep|pub|sub|dealer|router|inproc|inproc-req
///     |fan-push|fan-pull|stalled-push|stalled-pull|paced-push|idle-push|timed-pull
///     --endpoint E --size S --count N [--peers K] [--window W] [--hwm H] [--rt ct|ct-main|mt|mt-main] [--curve] [--hold]
/// ```
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// What to play.
    pub role: String,
    /// Where.
    #[arg(long)]
    pub endpoint: String,
    /// Octets of a message.
    #[arg(long)]
    pub size: usize,
    /// How many messages: from each publisher, or in all.
    #[arg(long)]
    pub count: u64,
    /// How many subscribers or clients this process plays.
    #[arg(long, default_value_t = 1)]
    pub peers: usize,
    /// How many requests of a client may be outstanding.
    #[arg(long, default_value_t = 32)]
    pub window: usize,
    /// High-water mark in messages; 0 is unlimited.
    #[arg(long, default_value_t = 1000)]
    pub hwm: usize,
    /// Which tokio runtime, and where the measuring loop runs.
    #[arg(long, value_enum, default_value = "ct")]
    pub rt: Runtime,
    /// Everything in the boxes of CURVE; the bound side is the server.
    #[arg(long)]
    pub curve: bool,
    /// Stay connected after the result until standard input closes.
    #[arg(long)]
    pub hold: bool,
}

/// A tokio runtime, and where the program's own loop runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Runtime {
    /// Current-thread, and the loop runs in a spawned task.
    Ct,
    /// Current-thread, and the loop runs in `block_on`: what `#[tokio::main(flavor = "current_thread")]` gives.
    CtMain,
    /// Multi-thread, and the loop runs in a spawned task.
    Mt,
    /// Multi-thread, and the loop runs in `block_on`, outside the workers: what `#[tokio::main]` gives.
    MtMain,
}

impl Arguments {
    /// Reads the command line.
    ///
    /// # Panics
    /// Without an octet for the mark of a message.
    pub fn read() -> Self {
        let arguments = Self::parse();
        assert!(arguments.size > 0, "--size must be at least 1");
        arguments
    }

    /// A payload that begins with `mark`.
    pub fn payload(&self, mark: u8) -> Vec<u8> {
        let mut payload: Vec<u8> = (0..self.size).map(|i| (i as u8).wrapping_mul(31)).collect();
        payload[0] = mark;
        payload
    }
}

impl Runtime {
    /// Runs `program` to its end.
    ///
    /// # Panics
    /// When the system grants no runtime.
    pub fn run(self, program: impl Future<Output = ()> + Send + 'static) {
        use tokio::runtime::Builder;
        let mut builder = match self {
            Self::Ct | Self::CtMain => Builder::new_current_thread(),
            Self::Mt | Self::MtMain => Builder::new_multi_thread(),
        };
        let runtime = builder.enable_all().build().expect("a runtime");
        match self {
            Self::CtMain | Self::MtMain => runtime.block_on(program),
            Self::Ct | Self::Mt => {
                runtime.block_on(async { tokio::spawn(program).await.expect("the program") })
            }
        }
    }
}
