//! Real servers, each in a folder of its own. They run as root and as an ordinary user.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;
use crate::postmaster::{State, look};
use crate::share::{Share, poll_until};
use crate::{Connection, Installations, Options, Server, StartError};

/// For what another process does soon. Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_mins(1);

/// Names the folder for a test binary that is run as a program.
const PROGRAM_VARIABLE: &str = "AFTERSEND_EMBEDDED_TEST_FOLDER";

/// A folder for one test, which the server's account may enter, too.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in("/tmp").unwrap()
}

fn options(root: &Path) -> Options {
    let mut options = Options::new(root.join("data"));
    options.socket_dir = Some(root.join("socket"));
    options
}

fn place(root: &Path) -> Place {
    Place::prepare(&root.join("data")).unwrap()
}

fn psql_output(connection: &Connection, sql: &str) -> std::process::Output {
    let command = format!("{} -X -A -t -v ON_ERROR_STOP=1 -c \"$1\"", connection.psql());
    Command::new("sh").args(["-c", &command, "sh", sql]).output().unwrap()
}

fn psql(connection: &Connection, sql: &str) -> String {
    let output = psql_output(connection, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The server's first process, if it takes connections.
fn postmaster(root: &Path) -> Option<u32> {
    match look(&place(root)).unwrap() {
        State::Ready(postmaster) => Some(postmaster.pid),
        _ => None,
    }
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// The processes with this test's folder in their command line: the server's first process and the keeper have it.
fn processes(root: &Path, program: &str) -> Vec<u32> {
    let folder = root.to_str().unwrap();
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| {
        let command_line = fs::read(process.path().join("cmdline")).ok()?;
        let command_line = String::from_utf8_lossy(&command_line).into_owned();
        let ours = command_line.contains(folder) && command_line.contains(program);
        if ours { process.file_name().to_str()?.parse().ok() } else { None }
    });
    found.collect()
}

/// The processes that work in the folder of a new database. A backend that initdb starts is not told it by its command line.
fn backends_of_new(root: &Path) -> Vec<u32> {
    let new = root.join("data/postgres.new");
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| {
        let worked_in = fs::read_link(process.path().join("cwd")).ok()?;
        if worked_in.starts_with(&new) { process.file_name().to_str()?.parse().ok() } else { None }
    });
    found.collect()
}

fn server_runs(root: &Path) -> bool {
    !processes(root, "bin/postgres\0").is_empty()
}

fn keeper(root: &Path) -> Option<u32> {
    processes(root, "aftersend-keeper").first().copied()
}

/// Waits until the server is gone.
fn await_gone(root: &Path) {
    let gone = poll_until(DEADLINE, || Ok::<_, ()>((!server_runs(root)).then_some(()))).unwrap();
    assert!(gone.is_some(), "a server was left in {}", root.display());
}

/// This test binary as another program that uses the server until it is told to leave, or killed.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn spawn(root: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tests::program", "--ignored", "--nocapture"]).env(PROGRAM_VARIABLE, root);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Waits until the program uses the server.
    fn await_ready(&mut self) {
        let found = (&mut self.stdout).lines().any(|line| line.unwrap().ends_with("in use"));
        assert!(found, "the program ended before it used the server");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells the program to leave, and waits until it has ended.
    fn leave(mut self) {
        drop(self.child.stdin.take());
        // libtest writes its verdict, and must be able to.
        let verdict: Vec<String> = self.stdout.lines().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success(), "{verdict:?}");
    }
}

#[test]
#[ignore = "is run by other tests as a program of its own"]
fn program() {
    let root = PathBuf::from(std::env::var_os(PROGRAM_VARIABLE).expect("only other tests run this one"));
    let server = Server::start(&options(&root)).unwrap();
    println!("in use");
    std::io::stdout().flush().unwrap();
    assert_eq!(std::io::stdin().lines().count(), 0);
    server.stop().unwrap();
}

#[test]
fn data_and_settings_survive_a_restart() {
    let root = folder();
    let server = Server::start(&options(root.path())).unwrap();
    let ask = |sql: &str| psql(server.connection(), sql);
    assert!(server_runs(root.path()));
    ask("CREATE EXTENSION pg_trgm; CREATE TABLE t AS SELECT 42 AS answer");
    server.stop().unwrap();
    assert!(postmaster(root.path()).is_none() && !server_runs(root.path()));

    let server = Server::start(&options(root.path())).unwrap();
    let check = |sql: &str, expect: &str| assert_eq!(psql(server.connection(), sql), expect, "{sql}");
    check("SELECT answer FROM t", "42");
    check("SHOW fsync", "on");
    check("SHOW full_page_writes", "on");
    check("SHOW listen_addresses", "");
    check("SHOW data_checksums", "on");
    check("SHOW server_encoding", "UTF8");
    check("SHOW max_connections", "100");
    check("SHOW client_connection_check_interval", "1s");
    check("SHOW cluster_name", "aftersend");
    check("SELECT current_user, current_database()", "aftersend|aftersend");
    check("SELECT lower('ÄÖÜ'), 'ä' ~ '\\w'", "äöü|t");
    server.stop().unwrap();
    assert!(!server_runs(root.path()));
}

#[test]
fn the_last_one_out_stops_the_server() {
    let root = folder();
    let first = Server::start(&options(root.path())).unwrap();
    let running = postmaster(root.path());
    // Joins where the server is, not where it would have put it.
    let second = Server::start(&Options { socket_dir: None, ..options(root.path()) }).unwrap();
    assert_eq!(first.connection(), second.connection());
    first.stop().unwrap();
    assert!(running.is_some() && running == postmaster(root.path()));
    assert_eq!(psql(second.connection(), "SELECT 1"), "1");
    drop(second);
    assert!(!server_runs(root.path()));
    assert_eq!(keeper(root.path()), None);
}

#[test]
fn killed_programs_leave_no_server_behind() {
    let root = folder();
    let [mut first, mut second] = [(); 2].map(|()| Program::spawn(root.path()));
    first.await_ready();
    second.await_ready();
    let running = postmaster(root.path());
    first.kill();
    let server = Server::start(&options(root.path())).unwrap();
    assert!(
        running.is_some() && running == postmaster(root.path()),
        "a kill of one took the server from the others"
    );
    psql(server.connection(), "CREATE TABLE t AS SELECT 42 AS answer");
    server.stop().unwrap();
    assert_eq!(running, postmaster(root.path()));
    second.kill();
    await_gone(root.path());

    let server = Server::start(&options(root.path())).unwrap();
    assert_eq!(psql(server.connection(), "SELECT answer FROM t"), "42");
    server.stop().unwrap();
}

/// Kills a program's first start at the moment that `reached` sees, and starts again at once.
fn start_after_a_kill_when(moment: &str, reached: impl Fn(&Path) -> bool) {
    let root = folder();
    let program = Program::spawn(root.path());
    let seen = poll_until(DEADLINE, || Ok::<_, ()>(reached(root.path()).then_some(()))).unwrap();
    program.kill();
    assert!(seen.is_some(), "the start did not come to the moment: {moment}");
    assert!(!place(root.path()).postgres_dir().exists(), "the kill came too late for the moment: {moment}");

    let place = place(root.path());
    let entered = Share::new(&place).enter().unwrap();
    let at_work = [processes(root.path(), "postgres.new"), backends_of_new(root.path())].concat();
    assert_eq!(at_work, [], "still there when the next start begins: {moment}");
    entered.release();
    let server = Server::start(&options(root.path())).unwrap();
    assert_eq!(psql(server.connection(), "SELECT current_database()"), "aftersend", "{moment}");
    server.stop().unwrap();
}

#[test]
fn a_start_waits_for_what_a_killed_first_start_left_at_work() {
    let file = |name: &'static str| move |root: &Path| root.join("data/postgres.new").join(name).exists();
    start_after_a_kill_when("the folder is there", file(""));
    start_after_a_kill_when("initdb writes the first tables", file("base/1/PG_VERSION"));
    start_after_a_kill_when("initdb copies the first database", file("base/4"));
    start_after_a_kill_when("the database is being created", |root| {
        let told = processes(root, "postgres.new\0postgres\0");
        backends_of_new(root).iter().any(|pid| told.contains(pid))
    });
}

/// Only initdb is killed, as by a machine short of memory, so that its backend outlives it.
#[test]
fn a_start_waits_for_the_backend_of_a_killed_initdb() {
    start_after_a_kill_when("initdb was killed", |root| {
        let copies = root.join("data/postgres.new/base/4").exists();
        let initdb = processes(root, "bin/initdb\0");
        let (Some(initdb), true, false) = (initdb.first(), copies, backends_of_new(root).is_empty()) else {
            return false;
        };
        kill(*initdb);
        true
    });
}

#[test]
fn programs_that_start_at_once_share_one_new_server() {
    let root = folder();
    let mut programs = [(); 4].map(|()| Program::spawn(root.path()));
    programs.iter_mut().for_each(Program::await_ready);
    assert!(postmaster(root.path()).is_some());
    let leaving = programs.map(|program| std::thread::spawn(|| program.leave()));
    for thread in leaving {
        thread.join().unwrap();
    }
    assert!(!server_runs(root.path()), "the last program returned before the server was gone");
}

#[test]
fn a_killed_keeper_is_replaced() {
    let root = folder();
    let mut program = Program::spawn(root.path());
    program.await_ready();
    let first = keeper(root.path()).unwrap();
    kill(first);
    let gone = || Ok::<_, ()>((keeper(root.path()) != Some(first)).then_some(()));
    assert!(poll_until(DEADLINE, gone).unwrap().is_some());
    let server = Server::start(&options(root.path())).unwrap();
    assert!(keeper(root.path()).is_some());
    server.stop().unwrap();
    program.kill();
    await_gone(root.path());
}

#[test]
fn without_a_keeper_the_last_program_stops_the_server() {
    let root = folder();
    let server = Server::start(&options(root.path())).unwrap();
    kill(keeper(root.path()).unwrap());
    server.stop().unwrap();
    assert!(!server_runs(root.path()));
}

#[test]
fn a_killed_server_is_started_anew() {
    let root = folder();
    let first = Server::start(&options(root.path())).unwrap();
    psql(first.connection(), "CREATE TABLE t AS SELECT 42 AS answer");
    kill(postmaster(root.path()).unwrap());
    // Its other processes are still there for a moment.
    let second = Server::start(&options(root.path())).unwrap();
    assert_eq!(psql(first.connection(), "SELECT answer FROM t"), "42");
    second.stop().unwrap();
    first.stop().unwrap();
    assert!(!server_runs(root.path()));
}

#[test]
fn a_stale_pid_file_with_a_living_number_is_no_obstacle() {
    let root = folder();
    Server::start(&options(root.path())).unwrap().stop().unwrap();
    let place = place(root.path());
    let (pid, folder) = (std::process::id(), place.postgres_dir());
    let socket = root.path().join("socket");
    let text = format!("{pid}\n{}\n1\n5432\n{}\n\n  1 1\nready   \n", folder.display(), socket.display());
    fs::write(folder.join("postmaster.pid"), text).unwrap();
    let state = look(&place).unwrap();
    // As root the server's account sees that this process is not its own.
    let strange = place.drop_to().is_some();
    assert!(matches!(state, State::Stopped) && strange || matches!(state, State::Doubtful(_)) && !strange);
    Server::start(&options(root.path())).unwrap().stop().unwrap();
}

#[test]
fn a_folder_of_another_version_is_left_alone() {
    let root = folder();
    let place = place(root.path());
    place.make_private_dir(&place.postgres_dir()).unwrap();
    fs::write(place.postgres_dir().join("PG_VERSION"), "14\n").unwrap();
    let error = Server::start(&options(root.path())).unwrap_err();
    assert!(matches!(error, StartError::OtherMajor { major: 14, .. }), "{error}");
    assert!(error.to_string().contains("install PostgreSQL 14 beside it"), "{error}");

    fs::write(place.postgres_dir().join("PG_VERSION"), "no version").unwrap();
    let error = Server::start(&options(root.path())).unwrap_err();
    assert!(matches!(error, StartError::ForeignFolder { .. }), "{error}");
}

#[test]
fn without_binaries_nothing_is_made() {
    let root = folder();
    let error =
        Server::start(&Options { installations: Installations::in_folders([]), ..options(root.path()) });
    assert!(matches!(error, Err(StartError::NoInstallation { .. })), "{error:?}");
    assert!(!place(root.path()).postgres_dir().exists());
}

#[test]
fn a_squatted_socket_folder_is_refused() {
    let root = folder();
    fs::create_dir(root.path().join("socket")).unwrap();
    fs::set_permissions(root.path().join("socket"), Permissions::from_mode(0o777)).unwrap();
    let error = Server::start(&options(root.path())).unwrap_err();
    assert!(matches!(error, StartError::SocketFolder { .. }), "{error}");
    await_gone(root.path());
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let root = folder();
    Server::start(&options(root.path())).unwrap().stop().unwrap();
    let conf = place(root.path()).postgres_dir().join("postgresql.conf");
    fs::OpenOptions::new()
        .append(true)
        .open(conf)
        .unwrap()
        .write_all(b"shared_buffers = 'nonsense'\n")
        .unwrap();
    let error = Server::start(&options(root.path())).unwrap_err();
    assert!(matches!(error, StartError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("invalid value for parameter \"shared_buffers\""), "{error}");
}

#[test]
fn no_value_reaches_the_log_and_a_long_log_is_emptied() {
    let root = folder();
    let server = Server::start(&options(root.path())).unwrap();
    let log = place(root.path()).log();
    psql(server.connection(), "CREATE TABLE t (address text PRIMARY KEY, at timestamptz)");
    for sql in [
        "INSERT INTO t VALUES ('ada@example.com'), ('ada@example.com')",
        "INSERT INTO t VALUES ('', 'ada@example.com')",
        "SELECT 'ada@example.com' FROM nowhere",
    ] {
        let output = psql_output(server.connection(), sql);
        assert!(!output.status.success(), "{sql}");
    }
    // Written after them, by the same server, so that the log is known to hold what came before.
    psql(server.connection(), "CHECKPOINT");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("ready to accept connections") && !text.contains("ada@"), "{text}");

    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(crate::log::LOG_BYTES_MAX + 1).unwrap();
    let second = Server::start(&options(root.path())).unwrap();
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    second.stop().unwrap();
    server.stop().unwrap();
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("database system is shut down") && !text.starts_with('\0'), "{text}");
}

#[test]
fn the_usual_socket_folder_is_private_and_short() {
    let root = folder();
    let server = Server::start(&Options { socket_dir: None, ..options(root.path()) }).unwrap();
    let folder = &server.connection().socket_dir;
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(
        psql(server.connection(), "SHOW unix_socket_directories"),
        format!("\"{}\"", folder.display())
    );
    let folder = folder.clone();
    server.stop().unwrap();
    assert!(!folder.exists());
}

#[test]
fn a_folder_with_an_odd_name_works() {
    let root = folder();
    let odd = root.path().join("it's \"odd\" $HOME %41 ü");
    fs::create_dir(&odd).unwrap();
    fs::set_permissions(&odd, Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(&options(&odd)).unwrap();
    assert_eq!(psql(server.connection(), "SELECT 1"), "1");
    let url = server.connection().url();
    let output = Command::new(&server.connection().psql).args(["-Atc", "SELECT 2", &url]).output().unwrap();
    assert_eq!(output.stdout, b"2\n", "{url}");
    server.stop().unwrap();
}
