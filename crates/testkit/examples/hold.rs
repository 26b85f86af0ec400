//! Brings up what tests share, runs a command, and takes it down again: `hold cargo nextest run`.
//!
//! Without it every process of a test runner would start the database server and stop it again.

use std::process::{Command, ExitCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: hold COMMAND [ARGUMENT]…");
        return ExitCode::from(2);
    };
    aftersend_testkit::queue::install();
    let server = aftersend_testkit::database::start_server();
    let mut command = Command::new(&program);
    command.args(arguments);
    let ran = tokio::task::spawn_blocking(move || command.status());
    // A Ctrl-C goes to the command, too. This program waits for its end, to stop the server in order.
    let ran = tokio::select! {
        ran = ran => ran.expect("waiting for a command does not panic"),
        () = ignore_interrupts() => unreachable!("it goes on for ever"),
    };
    if let Some(Err(error)) = server.map(aftersend_embedded::Server::stop) {
        eprintln!("{error}");
    }
    match ran {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("can't run {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

async fn ignore_interrupts() {
    loop {
        tokio::signal::ctrl_c().await.expect("the runtime handles signals");
    }
}
