//! The site in a real browser: every page with data, empty, and with what hostile people write.

mod hostile;

use std::{fs, path::Path, process::Stdio};

use aftersend_event::Status;
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, Truth, simulate};
use aftersend_testkit::{
    QueueServer,
    browser::{self, Flow, Page, Site, Step},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    program::Setup,
    serve::{Server, listening},
};

/// Mails of the site in use, so many that the list has several pages.
const MAILS: usize = 300;

/// How far back they reach.
const SPAN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A new page of the site is a line here: for the site in use and, where it shows what others wrote, the hostile one.
/// A page that says something else without data is a line for the empty one, too.
fn pages_in_use(truth: &Truth, quarantined: String) -> Vec<Page> {
    vec![
        Page::new("overview", "/"),
        Page::new("overview-of-a-day", "/?period=24h"),
        Page::new("overview-of-other-days", "/?from=2026-01-01&to=2026-01-31"),
        Page::new("templates", "/templates?sort=bounced"),
        Page::new("templates-behind-the-last", "/templates?skip=900"),
        Page::new("template", "/template?name=newsletter"),
        Page::new("template-of-dots", "/template?name=.."),
        Page::new("recipient", recipient_of(truth)),
        Page::new("recipient-unknown", "/recipients/nobody%40example.com"),
        Page::new("blocklist", "/blocklist"),
        Page::new("blocklist-not-found", "/blocklist?q=nobody-wrote-this"),
        Page::new("storage", "/storage"),
        Page::new("schema", "/schema"),
        Page::new("no-such-period", "/?period=8d").answering(400),
        Page::new("mails", "/mails"),
        Page::new("mails-oldest", "/mails?order=oldest"),
        Page::new("mails-of-a-status", "/mails?status=hard_bounced"),
        Page::new("mails-found", "/mails?q=order&status=clicked"),
        Page::new("mails-not-found", "/mails?q=nobody-wrote-this&status=failed"),
        Page::new("mail-clicked", mail_with(truth, Status::Clicked)),
        Page::new("mail-bounced", mail_with(truth, Status::HardBounced)),
        Page::new("mail-complained", mail_with(truth, Status::Complaint)),
        Page::new("mail-to-many", mail_to_many(truth)),
        Page::new("feeds", "/feeds"),
        Page::new("quarantine", "/quarantine"),
        Page::new("quarantined", quarantined),
        Page::new("parked", "/parked"),
        Page::new("zone", "/zone"),
        Page::new("no-such-page", "/nowhere").answering(404),
        Page::new("no-such-mail", "/mails/00000000-0000-7000-8000-000000000000").answering(404),
        Page::new("mails-refused", "/mails?q=form%3Ajane%20status%3Asent").answering(400),
        Page::new("no-such-status", "/mails?status=nonsense").answering(400),
    ]
}

fn pages_of_an_empty_site() -> Vec<Page> {
    vec![
        Page::new("first-start", "/"),
        Page::new("templates", "/templates"),
        Page::new("blocklist", "/blocklist"),
        Page::new("mails", "/mails"),
        Page::new("mails-not-found", "/mails?q=anything"),
        Page::new("feeds", "/feeds"),
        Page::new("quarantine", "/quarantine"),
        Page::new("parked", "/parked"),
        Page::new("storage", "/storage"),
    ]
}

fn pages_of_a_hostile_site(quarantined: Vec<String>) -> Vec<Page> {
    let mut pages = vec![
        Page::new("overview", "/?from=2026-03-10&to=2026-03-10"),
        Page::new("templates", "/templates?from=2026-03-10&to=2026-03-10"),
        Page::new(
            "template",
            format!("/template?name={}&from=2026-03-10&to=2026-03-10", hostile::encoded(hostile::MARKUP)),
        ),
        Page::new("recipient", format!("/recipients/{}", hostile::encoded(hostile::MARKUP))),
        Page::new("recipient-rtl", format!("/recipients/{}", hostile::encoded(hostile::RIGHT_TO_LEFT))),
        Page::new("blocklist", "/blocklist"),
        Page::new("mails", "/mails"),
        Page::new("mails-not-found", format!("/mails?q={}", hostile::encoded(hostile::MARKUP))),
        Page::new(
            "mails-refused",
            format!(
                "/mails?q=form%3A{}",
                hostile::encoded(&format!("\"{}\"", hostile::MARKUP.replace('"', "")))
            ),
        )
        .answering(400),
        Page::new(
            "mails-refused-rtl",
            format!("/mails?q=after%3A{}", hostile::encoded(&hostile::RIGHT_TO_LEFT.replace(' ', "_"))),
        )
        .answering(400),
        Page::new("mails-not-found-rtl", format!("/mails?q={}", hostile::encoded(hostile::RIGHT_TO_LEFT))),
        Page::new("no-such-mail", format!("/mails/by-id/{}", hostile::encoded(hostile::MARKUP)))
            .answering(404),
        Page::new("feeds", "/feeds"),
        Page::new("quarantine", "/quarantine"),
        Page::new("parked", "/parked"),
        Page::new("parked-of-one", format!("/parked?id={}", hostile::encoded(&hostile::parked_id()))),
    ];
    let quarantined = quarantined.into_iter().enumerate();
    pages.extend(quarantined.map(|(place, path)| Page::new(format!("quarantined-{place}"), path)));
    pages.extend(hostile::ids().map(|id| Page::new(format!("mail-{id}"), format!("/mails/by-id/{id}"))));
    pages
}

/// What somebody does there without scripts, and what scripts add.
fn flows(truth: &Truth) -> Vec<Flow> {
    let id = id_with(truth, Status::Clicked);
    let search = vec![
        Step::Go("/mails".into()),
        Step::Fill("#q", "order".into()),
        Step::Select("#status", "clicked"),
        Step::Click("text=Find"),
        Step::BeAt("/mails?q=order%20status%3Aclicked".into()),
        Step::Click("text=All mails"),
        Step::BeAt("/mails".into()),
        Step::Click("[rel=next]"),
        Step::Click("[rel=prev]"),
        Step::Fill("#q", id.clone()),
        Step::Press("Enter"),
        Step::See("What happened times of UTC".into()),
        Step::See(id),
    ];
    let zone = vec![
        Step::Go("/mails".into()),
        Step::See("Times are those of UTC.".into()),
        Step::Click("text=Change"),
        Step::Select("#zone", "Europe/Berlin"),
        Step::Click("text=Use it"),
        Step::BeAt("/mails".into()),
        Step::See("Times are those of Europe/Berlin.".into()),
    ];
    let scripts = vec![
        // The browser's own zone, without a word of anybody; and a choice is not overruled.
        Step::Go("/mails".into()),
        Step::See("Times are those of Australia/Darwin.".into()),
        Step::Click("text=Change"),
        Step::Select("#zone", "Europe/Berlin"),
        Step::Click("text=Use it"),
        Step::See("Times are those of Europe/Berlin.".into()),
        Step::Press("/"),
        Step::Fill("#q:focus", "nobody-wrote-this".into()),
        Step::Press("Enter"),
        Step::See("Nothing found".into()),
    ];
    let back = vec![
        Step::Go("/mails".into()),
        Step::Fill("#q", "from:example order".into()),
        Step::Press("Enter"),
        Step::BeAt("/mails?q=from%3Aexample%20order".into()),
        Step::Click(".what a >> nth=0"),
        Step::Click("text=Back to the search"),
        Step::BeAt("/mails?q=from%3Aexample%20order".into()),
        Step::Go("/?period=7d".into()),
        Step::Click("text=Change"),
        Step::Select("#zone", "Europe/Berlin"),
        Step::Click("text=Use it"),
        Step::BeAt("/?period=7d".into()),
    ];
    let imported = vec![
        Step::Go("/blocklist".into()),
        Step::Fill("#lines", "jürgen@bücher.example,asked\nnobody".into()),
        Step::Click("button:text-is('Import')"),
        Step::See("1 added, 0 on the list already and now blocked for longer, 0 on the list already.".into()),
        Step::See("line 2: this is no address".into()),
        Step::Click("text=Block an address …"),
        Step::Fill("#address", "Jane <jane.of.the.list@example.com>".into()),
        Step::Fill("#reason", "asked".into()),
        Step::Click("button:text-is('Block it')"),
        Step::See("The address is blocked.".into()),
    ];
    let slash = vec![
        Step::Go("/mails".into()),
        Step::Click("text=Words that the search understands"),
        Step::Click("text=Switch it off"),
        Step::See("It is off; switch it on".into()),
        Step::Go("/blocklist".into()),
        Step::Go("/mails".into()),
        Step::Click("text=Words that the search understands"),
        // The focus stays where it is: another key folds the words up and down.
        Step::Press("/"),
        Step::Press("Enter"),
        Step::Press("Enter"),
        Step::Click("text=It is off; switch it on"),
        Step::Press("/"),
        Step::Fill("#q:focus", "nobody-wrote-this".into()),
        Step::Press("Enter"),
        Step::See("Nothing found".into()),
    ];
    let waiting = vec![
        Step::Go("/parked".into()),
        Step::Click("text=Drop them …"),
        Step::Click("text=Drop them for good"),
        Step::See("No event waits for its mail".into()),
        Step::Go("/quarantine".into()),
        Step::Click("tbody a >> nth=0"),
        Step::Click("text=Read it again"),
        Step::See("read again and refused again".into()),
    ];
    vec![
        Flow { name: "search", scripts: false, steps: search },
        Flow { name: "zone", scripts: false, steps: zone },
        Flow { name: "back", scripts: false, steps: back },
        Flow { name: "imported", scripts: false, steps: imported },
        Flow { name: "slash", scripts: true, steps: slash },
        Flow { name: "waiting", scripts: false, steps: waiting },
        Flow { name: "with-scripts", scripts: true, steps: scripts },
    ]
}

#[tokio::test]
async fn every_page_is_well_in_a_browser() {
    if browser::is_left_out() {
        eprintln!("left out: {} is 1", browser::LEFT_OUT_BY);
        return;
    }
    let queues = QueueServer::start().await;
    let (in_use, empty, hostile) =
        (Setup::migrated().await, Setup::migrated().await, Setup::migrated().await);
    let truth = take_in_traffic(&in_use);
    let one_parked = r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"0102-parked","destination":["jane@example.com"]},"send":{}}"#;
    park(&in_use, &[one_parked.into()]);
    take_in(&hostile, &hostile::messages());
    park(&hostile, &hostile::parked());
    // One of its queues is there, the other is not, which the page of feeds tells.
    let there = queues.create_queue("ses-events").await;
    let urls = [there.clone(), there.replace("ses-events", "ses-events-of-a-region-that-is-far-away")];
    let (_first, in_use_url) = serve(&in_use, &urls, &queues);
    let (_second, empty_url) = serve(&empty, &[], &queues);
    let (_third, hostile_url) = serve(&hostile, &[], &queues);

    let site = |name: &str, url, pages, flows| Site { name: name.into(), url, pages, flows };
    let sites = [
        site("in-use", in_use_url, pages_in_use(&truth, quarantined(&in_use).swap_remove(0)), flows(&truth)),
        site("empty", empty_url, pages_of_an_empty_site(), Vec::new()),
        site("hostile", hostile_url, pages_of_a_hostile_site(quarantined(&hostile)), Vec::new()),
    ];
    let target = Path::new(env!("CARGO_BIN_EXE_aftersend")).ancestors().nth(2).unwrap();
    let findings = browser::look(&sites, &target.join("browser")).await;
    let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} findings:\n{}", told.len(), told.join("\n"));
}

/// Serves until the guard is dropped, and polls these queues. What waits for its mail goes on waiting.
fn serve(setup: &Setup, queue_urls: &[String], queues: &QueueServer) -> (Server, String) {
    let endpoint = queues.endpoint_url();
    let queues: Vec<_> = queue_urls
        .iter()
        .map(|url| format!("[[queue]]\nurl = '{url}'\nendpoint_url = '{endpoint}'\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    fs::write(
        &file,
        format!("listen = '127.0.0.1:0'\n[ingest]\nunknown_mails = 'park'\n{}", queues.concat()),
    )
    .unwrap();
    let mut command = setup.program();
    command.args(["serve", "--json", "--config"]).arg(&file);
    // A queue that is not there is told in the log, again and again.
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Server(command.spawn().unwrap());
    let (address, _) = listening(&mut server.0);
    (server, format!("http://{address}"))
}

/// Made-up traffic of the days up to now, as the demo's.
fn take_in_traffic(setup: &Setup) -> Truth {
    let end = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60).unwrap();
    let plan = Plan { seed: 5, mails: MAILS, start: end - SPAN, span: SPAN, ..Plan::default() };
    const { assert!(MAILS >= SCENARIOS_REQUIRED, "so that every scenario is played") };
    let traffic = simulate(&plan);
    // Some of those that can't be read are cut at their line ends, and so quarantined in pieces.
    take_in(setup, &traffic.messages);
    traffic.truth
}

/// Has the program take in these messages, one a line.
fn take_in(setup: &Setup, messages: &[Vec<u8>]) {
    let tally = ingest(setup, messages, "create");
    assert!(tally["stored"].as_u64() > Some(0) && tally["quarantined"].as_u64() > Some(0), "{tally}");
}

/// Has events wait for mails that nobody has logged.
fn park(setup: &Setup, messages: &[Vec<u8>]) {
    let tally = ingest(setup, messages, "park");
    assert_eq!(tally["parked"].as_u64(), Some(messages.len() as u64), "{tally}");
}

fn ingest(setup: &Setup, messages: &[Vec<u8>], unknown_mails: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    fs::write(&file, messages.join(&b'\n')).unwrap();
    let file = file.to_str().unwrap();
    let tally = setup.run(&["ingest", "file", file, "--unknown-mails", unknown_mails, "--json"]).json();
    // So that no page is looked at before its figures are there.
    setup.run(&["figures", "rebuild"]).ok();
    tally
}

/// The pages of all messages in quarantine.
fn quarantined(setup: &Setup) -> Vec<String> {
    let listed = setup.run(&["quarantine", "list", "--json"]).ok();
    let path = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap();
        format!("/quarantine/{}", message["uuid"].as_str().unwrap())
    };
    listed.lines().map(path).collect()
}

/// The id of the mail with this status of which there is most to tell.
fn id_with(truth: &Truth, status: Status) -> String {
    let mails = truth.mails.values().filter(|mail| mail.status == status);
    let mail = mails.max_by_key(|mail| (mail.occurrences.len(), &mail.message_id));
    mail.unwrap_or_else(|| panic!("no mail has the status {status:?}")).message_id.clone()
}

fn mail_with(truth: &Truth, status: Status) -> String {
    format!("/mails/by-id/{}", id_with(truth, status))
}

/// The page of an address to which a mail bounced.
fn recipient_of(truth: &Truth) -> String {
    let id = id_with(truth, Status::HardBounced);
    let address = truth.mails[&id].recipients.keys().next().unwrap();
    format!("/recipients/{}", address.replace('@', "%40"))
}

fn mail_to_many(truth: &Truth) -> String {
    let mail = truth.mails.values().max_by_key(|mail| (mail.recipients.len(), &mail.message_id)).unwrap();
    assert!(mail.recipients.len() > 1);
    format!("/mails/by-id/{}", mail.message_id)
}
