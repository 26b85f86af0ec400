//! Brings up what tests share, runs a command, and takes it down again: `hold cargo nextest run`.
//!
//! Without it every process of a test runner would start the database server and stop it again.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: hold COMMAND [ARGUMENT]…");
        return ExitCode::from(2);
    };
    aftersend_testkit::queue::install();
    aftersend_testkit::browser::install();
    let server = match aftersend_testkit::database::start_server() {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: no database to test on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    let ran = tokio::task::spawn_blocking(move || command.status());
    // A Ctrl-C goes to the command, too. This program waits for its end, to stop the server in order.
    let ran = tokio::select! {
        ran = ran => ran.expect("waiting for a command does not panic"),
        () = ignore_interrupts() => unreachable!("it goes on for ever"),
    };
    if let Some(Err(error)) = server.map(aftersend_embedded::Server::stop) {
        eprintln!("error: {error}");
    }
    match ran {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("error: can't run {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

/// The command's own code, or what a shell makes of the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

async fn ignore_interrupts() {
    loop {
        tokio::signal::ctrl_c().await.expect("the runtime handles signals");
    }
}
