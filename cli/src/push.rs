//! `zmtp push`: each message goes to one puller, in turn.

use zmtp::{Push, PushSocket, Socket};

use crate::args::PushArgs;
use crate::exit::Exit;
use crate::run::{build, run};
use crate::send::Sender;

pub(crate) async fn push(args: &PushArgs) -> Exit {
    let format = args.form.format(args.sending.split_tabs);
    let sender = match Sender::new(&args.sending, &args.end, format, args.options.max_message_size) {
        Ok(sender) => sender,
        Err(exit) => return exit,
    };
    let socket = build(PushSocket::builder(), &args.place, &args.end, &args.options);
    let work = async |socket: &mut Socket<Push>| sender.send_all(socket).await;
    run(socket, &args.place, &args.end, &args.form, work).await
}
