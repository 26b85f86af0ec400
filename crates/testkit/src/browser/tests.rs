use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;

/// A page with nothing wrong, but for what stands in `head` and `body`.
fn document(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><title>Title</title>\
         <meta name=viewport content='width=device-width, initial-scale=1'>{head}</head><body>\
         <a href='#content'>Skip</a><main id=content tabindex=-1><h1>Heading</h1>{body}</main></body></html>"
    )
}

/// Path, page, and what must be found there, or nothing.
fn pages() -> Vec<(&'static str, String, &'static str)> {
    let with = |body| document("", body);
    vec![
        ("/well", with("<p>Text, and <a href='/well'>a link</a>.</p>"), ""),
        ("/inline", with("<p onclick='1'>Text</p><script>1</script>"), "console: "),
        (
            "/elsewhere",
            with("<img alt='' src='http://elsewhere.test/'>"),
            "asks elsewhere: http://elsewhere.test/",
        ),
        ("/error", document("<script src='/throw.js'></script>", ""), "error in a script: thrown"),
        ("/dialog", document("<script src='/alert.js'></script>", ""), "a dialog opened: hello"),
        ("/missing", document("<link rel=stylesheet href='/missing.css'>", ""), "answered 404: "),
        ("/wide", with("<p style='width: 2000px'>Text</p>"), "scrolls sideways: "),
        (
            "/cut",
            with("<p style='overflow: hidden; width: 40px'>Unbreakablylong</p>"),
            "text is cut off by main > p: ",
        ),
        (
            "/gone",
            with("<p style='position: absolute; left: -40px'>Text</p>"),
            "text is cut off by the window: ",
        ),
        ("/contrast", with("<p style='color: #ccc'>Text</p>"), "axe: color-contrast (serious)"),
        ("/unlabelled", with("<input>"), "axe: label (critical)"),
        ("/headings", with("<h1>Another</h1>"), "2 × h1, not one"),
        (
            "/unseen",
            with("<a href='/well' style='outline: none'>Text</a>"),
            "keyboard: the focus can't be seen",
        ),
        ("/skipless", "<!doctype html><title>T</title><main><h1>H</h1></main>".into(), "does not skip"),
        (
            "/zone",
            with("<time datetime='2026-03-10T12:00:00Z'>noon</time>"),
            "times without a word of their zone",
        ),
        ("/refused", "refused".into(), "answered 403, not 200"),
    ]
}

/// Serves the pages until the test's process ends.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    url
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            // The browser opens connections ahead, and drops those that it does not need.
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&bytes[..count]),
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let page = pages().into_iter().find(|(known, ..)| *known == path);
    let (status, kind, body) = match (path, page) {
        ("/throw.js", _) => ("200 OK", "text/javascript", "throw new Error('thrown')".to_owned()),
        ("/alert.js", _) => ("200 OK", "text/javascript", "alert('hello')".to_owned()),
        ("/favicon.ico", _) => ("200 OK", "image/svg+xml", String::new()),
        ("/refused", Some((_, body, _))) => ("403 Forbidden", "text/html", body),
        (_, Some((_, body, _))) => ("200 OK", "text/html", body),
        _ => ("404 Not Found", "text/plain", "nothing".to_owned()),
    };
    let policy = "default-src 'self'; img-src *; style-src 'unsafe-inline' 'self'";
    // A browser that has seen enough is gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: {policy}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

#[tokio::test]
async fn what_is_wrong_is_found_and_what_is_well_is_not() {
    if is_left_out() {
        eprintln!("left out: {LEFT_OUT_BY} is 1");
        return;
    }
    let pages = pages();
    let flow = |name, step| Flow { name, scripts: false, steps: vec![Step::Go("/well".into()), step] };
    let site = Site {
        name: "test".into(),
        url: serve(),
        pages: pages.iter().map(|(path, ..)| Page::new(&path[1..], *path)).collect(),
        flows: vec![
            flow("goes-well", Step::Click("text=a link")),
            flow("does-not", Step::See("what is not there".into())),
        ],
    };
    let failures = tempfile::tempdir().unwrap();
    let findings = look(&[site], failures.path()).await;
    let of = |name: &str| -> Vec<&Finding> {
        let start = format!("test {name}");
        findings.iter().filter(|finding| finding.page.split(" (").next() == Some(&start)).collect()
    };
    for (path, _, expected) in &pages {
        let found = of(&path[1..]);
        if expected.is_empty() {
            assert!(found.is_empty(), "{path}: {found:#?}");
            continue;
        }
        let met = found.iter().find(|finding| finding.what.contains(expected));
        let met = met.unwrap_or_else(|| panic!("{path} has no finding “{expected}” but {found:#?}"));
        assert!(met.picture.as_ref().is_some_and(|picture| picture.is_file()), "{met}");
    }
    assert!(of("goes-well").is_empty(), "{findings:#?}");
    assert!(of("does-not")[0].what.starts_with("see \"what is not there\""), "{findings:#?}");
}
