//! `serve`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::Setup;

#[tokio::test]
async fn the_site_is_served_until_it_is_told_to_stop() {
    let setup = Setup::migrated().await;
    let mut server = Server(
        setup
            .program()
            .args(["serve", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();

    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /mails HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("aftersend ingest"), "an empty site says how events get in");

    // Its address is taken: the sentence names another.
    let said = setup.run(&["serve", "--listen", &address]).fails(1);
    assert!(said.contains("another one: --listen"), "{said}");

    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
}

/// Ended with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
