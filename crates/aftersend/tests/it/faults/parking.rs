//! Tables that an application has made and writes to: it logs its mails before their events come, meanwhile, or so late
//! that they have been made from events, while the processes that park, join, make and merge them are killed and their
//! connections cut in the middle of it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aftersend_simulator::TrueMail;
use aftersend_testkit::{
    DatabaseProxy,
    database::{
        Client,
        proxy::{Direction, Passage, Passing},
    },
};
use fastrand::Rng;
use tokio::sync::mpsc;

use super::{
    poller::Poller,
    scene::{Counters, Deeds, Hidden, Scene},
    seed,
};

/// Processes at work.
const PROCESSES: usize = 2;

/// For how long events wait for the application here.
const PARK_FOR: &str = "1s";

/// Of blows that are dealt, this many are the last: after that all can come to an end.
const BLOWS_MAX: usize = 16;

/// Up to how many messages a connection that joins or merges still sends before a blow.
const MESSAGES_MAX: usize = 40;

/// How often it is looked whether something has come about, and for how long at most.
const POLL: Duration = Duration::from_millis(20);
const DEADLINE: Duration = Duration::from_mins(2);

/// What an application does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    /// Logs it, and notes the id when it has been sent.
    LogsFirst,
    /// Logs it when it has been sent.
    LogsWithId,
    /// Logs it when it has been made from its events.
    LogsLate,
    /// It is somebody else's mail.
    Never,
}

/// Cuts connections that have begun to join or to merge, and asks for the death of their processes.
struct Executioner {
    rng: Mutex<Rng>,
    /// Connections that have said a statement of a join or a merge.
    joining: Mutex<BTreeSet<usize>>,
    /// Messages of such connections until the next blow.
    fuse: AtomicUsize,
    blows_left: AtomicUsize,
    deaths: mpsc::UnboundedSender<()>,
    counters: Arc<Counters>,
}

impl Executioner {
    fn new(rng: Rng, counters: &Arc<Counters>) -> (Arc<Self>, mpsc::UnboundedReceiver<()>) {
        let (deaths, receiver) = mpsc::unbounded_channel();
        let executioner = Self {
            rng: Mutex::new(rng),
            joining: Mutex::default(),
            fuse: AtomicUsize::new(1),
            blows_left: AtomicUsize::new(BLOWS_MAX),
            deaths,
            counters: Arc::clone(counters),
        };
        (Arc::new(executioner), receiver)
    }

    fn decide(&self, passing: &Passing<'_>) -> Passage {
        self.counters.batches.fetch_add(usize::from(passing.done() == Some("COMMIT")), Relaxed);
        if passing.direction != Direction::ToServer {
            return Passage::Pass;
        }
        let mut joining = self.joining.lock().unwrap();
        if passing.sql().is_some_and(joins_or_merges) {
            joining.insert(passing.connection);
        }
        if !joining.contains(&passing.connection) || self.blows_left.load(Relaxed) == 0 {
            return Passage::Pass;
        }
        if self.fuse.fetch_sub(1, Relaxed) > 1 {
            return Passage::Pass;
        }
        let mut rng = self.rng.lock().unwrap();
        self.fuse.store(rng.usize(1..=MESSAGES_MAX), Relaxed);
        self.blows_left.fetch_sub(1, Relaxed);
        // A process that meets cuts pauses, ever longer; one that is started anew does not.
        if rng.u32(..4) > 0 {
            // Nobody waits for it any more where the test has failed.
            let _ = self.deaths.send(());
        } else {
            self.counters.cuts.fetch_add(1, Relaxed);
        }
        if rng.bool() { Passage::Cut } else { Passage::CutWithin }
    }

    fn stop(&self) {
        self.blows_left.store(0, Relaxed);
    }
}

/// Whether a statement takes something out of the parking, or moves something from one mail to another.
fn joins_or_merges(sql: &str) -> bool {
    let parking = sql.contains("phoenix_kit_email_orphaned_events");
    (parking && (sql.contains("SKIP LOCKED") || sql.contains("DELETE FROM")))
        || (sql.contains("DELETE FROM") && sql.contains("phoenix_kit_email_logs AS mail"))
}

/// The application, on a connection of its own that nobody cuts: none of its statements may fail.
struct Application {
    client: Client,
    logs: String,
    ids: String,
    rng: Rng,
}

impl Application {
    async fn of(scene: &Scene, rng: Rng) -> Self {
        let table = |name: &str| format!("\"{}\".{name}", scene.prefix());
        let client = Client::connect(&scene.database_url()).await;
        Self { client, logs: table("phoenix_kit_email_logs"), ids: table("aftersend_ids"), rng }
    }

    async fn must(&self, sql: &str) {
        let changed = self.client.execute(sql, &[]).await;
        assert_eq!(changed.as_ref().ok(), Some(&1), "{sql}: {changed:?}");
    }

    async fn log(&self, mail: &TrueMail, id: Option<&str>) {
        let id = id.map_or("NULL".to_owned(), quoted);
        let maybe = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), quoted);
        let (subject, template, campaign) =
            (maybe(&mail.subject), maybe(&mail.template_name), maybe(&mail.campaign_id));
        let (set, tags) =
            (maybe(&mail.configuration_set), quoted(&serde_json::to_string(&mail.tags).unwrap()));
        let (message_id, to, from) = (quoted(&message_id(mail)), quoted(&mail.to), quoted(&mail.from));
        self.must(&format!(
            r#"INSERT INTO {} (message_id, aws_message_id, "to", "from", subject, status, template_name, campaign_id,
                                 configuration_set, message_tags, sent_at, inserted_at, updated_at)
               VALUES ({message_id}, {id}, {to}, {from}, {subject}, 'queued', {template}, {campaign},
                       {set}, {tags}, '{}', now(), now())"#,
            self.logs, mail.sent_at
        ))
        .await;
    }

    async fn note_id(&self, mail: &TrueMail) {
        self.must(&format!(
            "UPDATE {} SET aws_message_id = {}, updated_at = now() WHERE message_id = {}",
            self.logs,
            quoted(&mail.message_id),
            quoted(&message_id(mail))
        ))
        .await;
    }

    /// Waits until the mail was made from its events.
    async fn until_made(&self, mail: &TrueMail) {
        let ask = format!(
            "SELECT EXISTS (SELECT FROM {} AS id JOIN {} AS mail ON mail.uuid = id.email_log_uuid \
             WHERE id.aws_message_id = $1 AND mail.aftersend_derived)",
            self.ids, self.logs
        );
        let began = Instant::now();
        while !self.client.query_one(&ask, &[&mail.message_id]).await.unwrap().get::<_, bool>(0) {
            assert!(began.elapsed() < DEADLINE, "{} was not made from its events", mail.message_id);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Treats all mails, and says how many of them it has logged.
    async fn run(mut self, mails: Vec<(TrueMail, Conduct)>) -> usize {
        // What is late comes last, and what is first is logged before everything else.
        let (late, timely): (Vec<_>, Vec<_>) =
            mails.into_iter().partition(|(_, conduct)| *conduct == Conduct::LogsLate);
        let mut logged = late.len();
        for (mail, conduct) in &timely {
            match conduct {
                Conduct::LogsFirst => {
                    self.log(mail, None).await;
                    self.pause().await;
                    self.note_id(mail).await;
                }
                Conduct::LogsWithId => {
                    self.pause().await;
                    self.log(mail, Some(&mail.message_id)).await;
                }
                Conduct::LogsLate | Conduct::Never => continue,
            }
            logged += 1;
        }
        for (mail, _) in &late {
            self.until_made(mail).await;
            if self.rng.bool() {
                self.log(mail, None).await;
                self.note_id(mail).await;
            } else {
                self.log(mail, Some(&mail.message_id)).await;
            }
        }
        logged
    }

    /// So that the events of some mails come first.
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(0..=60))).await;
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// As the application calls the mail.
fn message_id(mail: &TrueMail) -> String {
    format!("pk_{}", mail.message_id)
}

fn deal(scene: &Scene, rng: &mut Rng) -> Vec<(TrueMail, Conduct)> {
    let conducts = [Conduct::LogsFirst, Conduct::LogsWithId, Conduct::LogsLate, Conduct::Never];
    let mut mails: Vec<(TrueMail, Conduct)> = scene
        .truth
        .mails
        .values()
        .map(|mail| (mail.clone(), conducts[rng.usize(..conducts.len())]))
        .collect();
    rng.shuffle(&mut mails);
    mails
}

/// An application's mails and their events, with blows to whoever brings them together.
pub(super) async fn play(seed: u64) -> Deeds {
    let scene = Arc::new(Scene::adopted(seed, 60, Hidden::Shortly, PARK_FOR).await);
    let mut rng = Rng::with_seed(seed);
    let mails = deal(&scene, &mut rng);
    let never = mails.iter().filter(|(_, conduct)| *conduct == Conduct::Never).count();
    let (executioner, mut deaths) = Executioner::new(rng.fork(), &scene.counters);
    let decide = Arc::clone(&executioner);
    let proxy = DatabaseProxy::start(&scene.database_url(), move |passing| decide.decide(passing)).await;
    let start = || scene.start_poller(proxy.url(), &scene.queue_url);
    let mut pollers: Vec<Poller> = (0..PROCESSES).map(|_| start()).collect();
    let application = Application::of(&scene, rng.fork()).await;
    let mut application = tokio::spawn(application.run(mails));
    let logged = loop {
        scene.send(rng.usize(1..=20)).await;
        tokio::select! {
            biased;
            logged = &mut application, if scene.unsent() == 0 => break logged.unwrap(),
            Some(()) = deaths.recv() => {
                let place = rng.usize(..PROCESSES);
                if !pollers[place].has_ended() {
                    pollers[place].kill();
                    scene.counters.kills.fetch_add(1, Relaxed);
                }
                pollers[place] = start();
            }
            () = tokio::time::sleep(POLL) => {}
        }
    };
    // Those that met cuts may pause for long, and no blow is dealt any more.
    until_merged(&scene, &executioner, &mut pollers, start).await;
    let last = std::mem::take(&mut pollers);
    scene.finish(last).await;

    let client = Client::connect(&scene.database_url()).await;
    let count = async |which: &str| {
        let sql = format!("SELECT count(*) FROM \"{}\".{which}", scene.prefix());
        usize::try_from(client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0)).unwrap()
    };
    assert_eq!(
        count("phoenix_kit_email_orphaned_events").await,
        0,
        "something is parked though it has a mail"
    );
    assert_eq!(count("phoenix_kit_email_logs WHERE message_id LIKE 'pk\\_%'").await, logged);
    assert_eq!(count("phoenix_kit_email_logs WHERE aftersend_derived").await, never);
    scene.counters.deeds()
}

/// Waits until nothing is parked and each mail has one row, with fresh processes and without blows.
async fn until_merged(
    scene: &Scene,
    executioner: &Executioner,
    pollers: &mut Vec<Poller>,
    start: impl Fn() -> Poller,
) {
    executioner.stop();
    pollers.clear();
    pollers.push(start());
    let client = Client::connect(&scene.database_url()).await;
    let ask = format!(
        "SELECT (SELECT count(*) FROM \"{0}\".phoenix_kit_email_orphaned_events), \
                (SELECT count(*) FROM \"{0}\".phoenix_kit_email_logs)",
        scene.prefix()
    );
    let expected = i64::try_from(scene.truth.mails.len()).unwrap();
    let began = Instant::now();
    scene.work_off(pollers).await;
    loop {
        let row = client.query_one(&ask, &[]).await.unwrap();
        let (parked, mails): (i64, i64) = (row.get(0), row.get(1));
        if parked == 0 && mails == expected {
            return;
        }
        assert!(
            began.elapsed() < DEADLINE,
            "{parked} parked, {mails} mails instead of {expected}; it said:\n{}",
            pollers[0].said()
        );
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_and_events_end_the_same_whoever_is_killed_between() {
    let deeds = play(seed()).await;
    assert!(deeds.kills + deeds.cuts > 5, "{deeds:?}");
}
