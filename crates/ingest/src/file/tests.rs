use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use aftersend_simulator::{Plan, TOPIC_VALIDATED, Wrapping, simulate, wrap};

use aftersend_store::{Batch, BatchReport, IngestError};

use super::*;
use crate::{
    Patience, Pump, Shutdown, Storage, Tally,
    fixture::{FEED, Ground, Run, Told, delivery, send, until},
};

fn feed_of(bytes: impl Into<Vec<u8>>) -> FileFeed {
    FileFeed::new(Box::new(io::Cursor::new(bytes.into())))
}

/// The simulator's wrappings want chance for their ids.
fn wrapped(json: &str, wrapping: Wrapping) -> String {
    let start = Plan::default().start;
    String::from_utf8(wrap(json, wrapping, start, &mut fastrand::Rng::with_seed(7))).unwrap()
}

fn pretty(json: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(json).unwrap()).unwrap()
}

/// Pumps a stream; all of its mails are new, and those with these ids are stored in the end.
async fn check(ground: &Ground, case: &str, stream: &str, ids: &[&str], controls: usize) {
    let before = ground.stored().await;
    let run = ground.pump(&mut feed_of(stream)).await;
    run.result.unwrap();
    assert_eq!(run.refused, [], "{case}");
    let received = ids.len() + controls;
    let expected = Tally { received, stored: ids.len(), control: controls, ..Tally::default() };
    assert_eq!(run.tally, expected, "{case}");
    let new: BTreeSet<String> = ground.stored().await.difference(&before).cloned().collect();
    assert_eq!(new, ids.iter().map(|&id| id.to_owned()).collect(), "{case}");
}

#[tokio::test]
async fn whatever_way_events_stand_in_a_file() {
    let ground = Ground::new().await;
    let one = |id: &str| delivery(id);
    check(&ground, "one, pretty", &pretty(&one("a")), &["a"], 0).await;
    check(&ground, "lines", &format!("{}\n{}\n", one("b1"), one("b2")), &["b1", "b2"], 0).await;
    check(&ground, "without a last line end", &format!("{}\n{}", one("c1"), one("c2")), &["c1", "c2"], 0)
        .await;
    check(&ground, "one after the other", &(one("d1") + &one("d2") + &one("d3")), &["d1", "d2", "d3"], 0)
        .await;
    let windows = format!("{}\n{TOPIC_VALIDATED}\n{}\n", pretty(&one("e1")), one("e2")).replace('\n', "\r\n");
    check(&ground, "Windows", &windows, &["e1", "e2"], 1).await;
    let many = format!("{}\n{}\n{}", pretty(&one("f1")), pretty(&one("f2")), pretty(&one("f3")));
    check(&ground, "pretty ones", &many, &["f1", "f2", "f3"], 0).await;
    for (place, wrapping) in Wrapping::ALL.into_iter().enumerate() {
        let ids = [format!("g{place}-1"), format!("g{place}-2"), format!("g{place}-3")];
        let [first, second, third] = ids.each_ref().map(|id| wrapped(&delivery(id), wrapping));
        let stream = format!("{first}\n{}\n{third}", pretty(&second));
        check(&ground, &format!("{wrapping:?}"), &stream, &ids.each_ref().map(String::as_str), 0).await;
    }
    let control = wrapped(TOPIC_VALIDATED, Wrapping::Sns);
    let mixed = format!(
        "\u{feff}{}\n\n{TOPIC_VALIDATED}\n{}{}\n{control}\n  {}\n",
        one("h1"),
        wrapped(&one("h2"), Wrapping::Sns),
        wrapped(&one("h3"), Wrapping::EventBridge),
        pretty(&one("h4")),
    );
    check(&ground, "mixed", &mixed, &["h1", "h2", "h3", "h4"], 2).await;
    let list = format!("[{},{}]", one("i1"), wrapped(&one("i2"), Wrapping::Sns));
    check(&ground, "a list", &list, &["i1", "i2"], 0).await;
    check(&ground, "a pretty list", &pretty(&list.replace("\"i", "\"j")), &["j1", "j2"], 0).await;
    check(&ground, "an empty list", "[]\n", &[], 0).await;
    check(&ground, "text alone", TOPIC_VALIDATED, &[], 1).await;
    check(&ground, "nothing", "", &[], 0).await;
    check(&ground, "space", " \r\n\n\t", &[], 0).await;
}

#[tokio::test]
async fn amazons_own_examples_are_taken_in() {
    let ground = Ground::new().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../event/test_data");
    let mut count = 0;
    let mut all = String::new();
    for kind in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let run = ground.pump(&mut FileFeed::open(&path).unwrap()).await;
            run.result.unwrap();
            assert_eq!(run.refused, [], "{}", path.display());
            assert_eq!(run.tally.received, 1, "{}", path.display());
            assert_eq!(run.tally.control + run.tally.quarantined, 0, "{}", path.display());
            writeln!(all, "{}", std::fs::read_to_string(&path).unwrap()).unwrap();
            count += 1;
        }
    }
    assert!(count >= 19, "{count} examples");
    let before = ground.store.count_all().await.unwrap();
    // All of them again, as one stream.
    let run = ground.pump(&mut feed_of(all)).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: count, repeated: count, ..Tally::default() });
    assert_eq!(ground.store.count_all().await.unwrap(), before);
}

#[tokio::test]
async fn a_simulated_stream_comes_out_as_the_simulator_says() {
    let ground = Ground::new().await;
    let traffic = simulate(&Plan { mails: 120, malformed: 20, ..Plan::default() });
    let stream = traffic.messages.join(&b'\n');
    let run = ground.pump(&mut feed_of(stream)).await;
    run.result.unwrap();
    let truth = &traffic.truth;
    assert_eq!(
        (run.tally.received, run.tally.control, run.tally.quarantined),
        (truth.messages, truth.controls, truth.malformed),
        "{:?}",
        run.refused
    );
    assert_eq!(run.tally.stored + run.tally.folded, truth.distinct_events);
    let counts = ground.store.count_all().await.unwrap();
    assert_eq!(counts.mails, truth.mails.len() as u64);
    assert_eq!(counts.events + counts.folded, truth.distinct_events as u64);
}

#[tokio::test]
async fn an_overlong_line_is_quarantined_with_what_fits() {
    let ground = Ground::new().await;
    let long =
        delivery("long").replacen('{', &format!(r#"{{"filler":"{}","#, "x".repeat(3 * 1024 * 1024)), 1);
    let stream = format!("{}\n{long}\n{}\n", delivery("before"), delivery("after"));
    let run = ground.pump(&mut feed_of(stream)).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 3, stored: 2, quarantined: 1, ..Tally::default() });
    assert_eq!(run.refused[0].origin, "line 2");
    assert!(run.refused[0].reason.contains(&format!("it has {} bytes", long.len())), "{:?}", run.refused);
    let kept = ground.quarantined().await.pop_first().unwrap();
    assert_eq!(kept, &long.as_bytes()[..aftersend_event::limits::MESSAGE_BYTES_MAX]);
}

#[tokio::test]
async fn refusals_name_the_line() {
    let ground = Ground::new().await;
    let stream =
        format!("{}\n{{\"broken\":\n{}\nno JSON\n{}\n", delivery("x"), delivery("y"), pretty(&send("z")));
    let run = ground.pump(&mut feed_of(stream)).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 5, stored: 3, quarantined: 2, ..Tally::default() });
    let origins: Vec<&str> = run.refused.iter().map(|refused| refused.origin.as_str()).collect();
    assert_eq!(origins, ["line 2", "line 4"]);
}

/// A pipe: a read waits for the writer, who ends it by going away.
struct Pipe(mpsc::Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// Large messages, so that a read brings a few of them.
#[tokio::test]
async fn a_file_on_disk_fills_whole_batches() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for number in 0..1_200 {
        writeln!(file, "{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(8_000)).unwrap();
    }
    let mut feed = FileFeed::open(file.path()).unwrap();
    let mut sizes = Vec::new();
    let mut numbers = Vec::new();
    while let Some(messages) = feed.receive(500).await.unwrap() {
        sizes.push(messages.len());
        for message in messages {
            let value: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
            numbers.push(value["number"].as_u64().unwrap());
        }
    }
    assert_eq!(sizes, [500, 500, 200]);
    assert!(numbers.into_iter().eq(0..1_200));
    // Anything else is stored as it comes.
    let mut pipe = FileFeed::new(Box::new(std::fs::File::open(file.path()).unwrap()));
    let first = pipe.receive(500).await.unwrap().unwrap();
    assert!(first.len() < 200, "{}", first.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pipe_brought_is_stored_while_it_is_quiet() {
    let ground = Ground::new().await;
    let (writer, reader) = mpsc::channel();
    let mut feed = FileFeed::new(Box::new(Pipe(reader)));
    let second = delivery("second");
    let (half, rest) = second.split_at(50);
    writer.send(format!("{}\n{half}", delivery("first")).into_bytes()).unwrap();
    let rest = format!("{rest}\n").into_bytes();
    std::thread::scope(|threads| {
        let ground = &ground;
        let handle = tokio::runtime::Handle::current();
        let writing = threads.spawn(move || {
            handle.block_on(async {
                // The pipe is held open and brings nothing until this is seen.
                until("the first event is stored", async || {
                    ground.stored().await.contains("first").then_some(())
                })
                .await;
                writer.send(rest).unwrap();
                until("the second is", async || ground.stored().await.contains("second").then_some(())).await;
            });
        });
        let run = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(ground.pump(&mut feed))
        });
        writing.join().unwrap();
        run.result.unwrap();
        assert_eq!(run.tally, Tally { received: 2, stored: 2, ..Tally::default() });
    });
}

#[tokio::test]
async fn a_read_that_fails_ends_the_run_and_what_came_before_is_stored() {
    struct Failing(Option<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.take().ok_or_else(|| io::Error::other("the disk is gone"))?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let ground = Ground::new().await;
    let stream = format!("{}\n{}", delivery("whole"), &delivery("half")[..40]);
    let run = ground.pump(&mut FileFeed::new(Box::new(Failing(Some(stream.into_bytes()))))).await;
    let error = run.result.unwrap_err().to_string();
    assert_eq!(error, "the file can't be read further: the disk is gone");
    assert_eq!(run.tally, Tally { received: 1, stored: 1, ..Tally::default() });
    assert_eq!(
        ground.quarantined().await,
        BTreeSet::new(),
        "half a document is no poison: the rest was not seen"
    );
}

/// A file on disk as a program reads it: with two pollers, one batch at a time.
async fn pump_on_disk(source: Source, storage: impl Storage, told: &Arc<Told>) -> Run {
    let pollers = FileFeed::of(Source { is_on_disk: true, ..source }).into_pollers();
    assert_eq!(pollers.len(), 2);
    let pump = Pump::new(storage, Shutdown::channel().1, told.clone()).one_at_a_time();
    let (tally, result) = pump.run_pollers(FEED, pollers, Patience::Endless).await;
    Run::new(tally, result, told)
}

fn lines(count: usize) -> Vec<u8> {
    (0..count)
        .fold(String::new(), |lines, number| lines + &delivery(&format!("mail-{number}")) + "\n")
        .into_bytes()
}

/// A database that takes an hour for a batch, and expects that so many messages have been received when the first is
/// stored.
struct Slow {
    told: Arc<Told>,
    expected: usize,
    at_once: AtomicUsize,
    batches: AtomicUsize,
}

impl Slow {
    fn new(told: &Arc<Told>, expected: usize) -> Self {
        Self { told: told.clone(), expected, at_once: AtomicUsize::new(0), batches: AtomicUsize::new(0) }
    }
}

impl Storage for Slow {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        assert_eq!(self.at_once.fetch_add(1, Ordering::Relaxed), 0, "one batch is stored at a time");
        tokio::time::sleep(Duration::from_hours(1)).await;
        if self.batches.fetch_add(1, Ordering::Relaxed) == 0 {
            assert_eq!(self.told.counted("received"), self.expected);
        }
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        Ok(BatchReport { stored: batch.arrivals.len(), ..BatchReport::default() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_a_file_on_disk_is_read_while_another_is_stored() {
    let told = Arc::new(Told::default());
    let source = Source::new(Box::new(io::Cursor::new(lines(1_200))));
    // The clock stands still while a poller reads.
    let run = pump_on_disk(source, Slow::new(&told, 1_000), &told).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 1_200, stored: 1_200, ..Tally::default() });
}

#[tokio::test]
async fn pollers_of_a_file_store_each_message_once() {
    let ground = Ground::new().await;
    let told = Arc::new(Told::default());
    let source = Source::new(Box::new(io::Cursor::new(lines(1_200))));
    let run = pump_on_disk(source, ground.store.clone(), &told).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 1_200, stored: 1_200, ..Tally::default() });
    assert_eq!(ground.event_count().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_read_that_fails_is_stored_however_long_it_takes() {
    struct Failing(Vec<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.pop().ok_or_else(|| io::Error::other("the disk is gone"))?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let told = Arc::new(Told::default());
    let source = Source::new(Box::new(Failing(vec![lines(40), lines(500)])));
    let run = pump_on_disk(source, Slow::new(&told, 540), &told).await;
    assert_eq!(run.result.unwrap_err().to_string(), "the file can't be read further: the disk is gone");
    assert_eq!(run.tally, Tally { received: 540, stored: 540, ..Tally::default() });
}

#[test]
fn a_file_that_is_none_is_told_at_once() {
    let missing = FileFeed::open(Path::new("/no/such/file")).err().unwrap();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let folder = FileFeed::open(&std::env::temp_dir()).err().unwrap();
    assert_eq!(folder.to_string(), "it is a folder; name a file in it");
}

#[tokio::test]
async fn a_wrong_file_fills_no_quarantine_and_a_right_one_tells_its_name() {
    let file = |bytes: &[u8]| {
        let mut file = tempfile::Builder::new().prefix("export-").suffix(".json").tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    };
    let refused = FileFeed::open(file(b"to,status\na@example.com,sent\n").path()).err().unwrap();
    assert!(refused.to_string().contains("nothing was taken in"), "{refused}");
    let ground = Ground::new().await;
    let right = file(format!("no JSON\n{}\n", delivery("x")).as_bytes());
    let run = ground.pump(&mut FileFeed::open(right.path()).unwrap()).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 2, stored: 1, quarantined: 1, ..Tally::default() });
    let name = right.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(run.refused[0].origin, format!("{name}, line 1"));
}
