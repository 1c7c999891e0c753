//! A picture of a run: who did what, when.
//!
//! `record.rs` keeps the attempts that a balancer tells of, `layout.rs` says where each is to be seen, `draw.rs` draws that.

mod draw;
mod layout;
mod record;

use std::time::Instant;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use zmtp_patterns::balancer::{Balancer, Notice};

use crate::exit::{Exit, say};
use crate::picture::{PictureFile, write_all};
use layout::{Layout, Rows};
use record::Record;

/// Where pictures of the run are wanted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Form")]
pub(crate) struct Pictures {
    /// Draw in the end who did what, when, and say how busy they were; FILE ends in .svg or .png (repeatable)
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(PictureFile::new))]
    picture: Vec<PictureFile>,
}

/// A run that is watched for its pictures, if any are wanted.
#[derive(Debug)]
pub(crate) struct Watched(Option<Watching>);

#[derive(Debug)]
struct Watching {
    files: Vec<PictureFile>,
    rows: Rows,
    record: JoinHandle<Record>,
}

impl Pictures {
    /// Watches this balancer, each of whose workers is a row.
    pub(crate) fn of_workers(&self, balancer: &Balancer) -> Watched {
        self.watch(balancer, Rows::Workers)
    }

    /// Watches this balancer, each of whose only worker's slots is a row.
    pub(crate) fn of_slots(&self, balancer: &Balancer) -> Watched {
        self.watch(balancer, Rows::Slots)
    }

    fn watch(&self, balancer: &Balancer, rows: Rows) -> Watched {
        let watching = (!self.picture.is_empty()).then(|| Watching {
            files: self.picture.clone(),
            rows,
            record: tokio::spawn(record(balancer.notices())),
        });
        Watched(watching)
    }
}

impl Watched {
    /// Says how busy the workers were, draws the pictures, and how a verb ends that would end like this. The balancer
    /// must have been dropped: until then there may be more to tell.
    pub(crate) async fn draw(self, exit: Exit) -> Exit {
        let Some(Watching { files, rows, record }) = self.0 else { return exit };
        // It does not panic.
        let Ok(record) = record.await else { return exit };
        let layout = Layout::new(&record, rows, draw::WIDTH);
        say(&layout.caption);
        write_all(&files, &layout, exit)
    }
}

/// Writes down what is told, until there is nothing more to tell.
async fn record(mut notices: Receiver<Notice>) -> Record {
    let mut record = Record::new(MOST_BARS);
    loop {
        match notices.recv().await {
            Ok(notice) => record.note(Instant::now(), notice),
            Err(RecvError::Lagged(missed)) => record.miss(missed),
            Err(RecvError::Closed) => break,
        }
    }
    record.close(Instant::now());
    record
}

/// Attempts that are kept, each in some 60 octets.
const MOST_BARS: usize = 100_000;
