//! `zmtp pull`: what all pushers send, fairly merged.

use zmtp::{Pull, PullSocket, Socket};

use crate::args::PullArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::receive::receive_all;
use crate::run::{build, run};

pub(crate) async fn pull(args: &PullArgs) -> Exit {
    let socket = build(PullSocket::builder(), &args.place, &args.end, &args.options);
    let mut output = Output::new(args.form.format(false));
    let work = async |socket: &mut Socket<Pull>| receive_all(socket, &mut output, &args.end).await;
    let exit = run(socket, &args.place, &args.end, &args.form, work).await;
    // What was received before a signal came is still on its way to the reader.
    output.finish_soon().await;
    exit
}
