//! Scenarios at random for as long as told, with a report of what was done: what `script/soak` runs.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::json;

use super::{
    connections, crashes, kills, number, parking, queues,
    scene::{Deeds, Hidden, Scene},
    seed, serving,
    storm::{self, Sabotage},
};

/// How long a storm lasts.
const STORM_S_MIN: u64 = 5;
const STORM_S_MAX: u64 = 60;

/// What a soak came to.
#[derive(Debug, Default)]
struct Soak {
    rounds: usize,
    deeds: Deeds,
    /// The seed of the round that failed, and what it said.
    failed: Option<(u64, String)>,
}

impl Soak {
    /// Plays rounds until the time is over, at least one, or one fails; a short one where there is no time.
    async fn run(seed: u64, duration: Option<Duration>, sabotage: Sabotage) -> Self {
        let began = Instant::now();
        let mut soak = Self::default();
        for round in 0.. {
            if round > 0 && duration.is_none_or(|duration| began.elapsed() >= duration) {
                break;
            }
            // Each round has a seed that plays it again as the first one.
            let seed = seed + round;
            // A short storm, unless there is time for more.
            let kind = match duration {
                Some(_) if sabotage == Sabotage::None => Round::draw(&mut Rng::with_seed(seed)),
                _ => Round::Storm { seconds: STORM_S_MIN },
            };
            eprintln!("{} s, round {round}, seed {seed}: {kind:?}", began.elapsed().as_secs());
            // A task of its own: a panic of it is the round's end, and not the report's.
            match tokio::spawn(kind.play(seed, sabotage)).await {
                Ok(deeds) => soak.deeds += deeds,
                Err(panic) => soak.failed = Some((seed, said(panic))),
            }
            soak.rounds += 1;
            eprintln!("{} s, so far: {:?}", began.elapsed().as_secs(), soak.deeds);
            if soak.failed.is_some() {
                break;
            }
        }
        soak
    }

    fn report(&self, seed: u64, took: Duration) -> serde_json::Value {
        let mut report = serde_json::to_value(self.deeds).unwrap();
        report["ok"] = self.failed.is_none().into();
        report["seed"] = seed.into();
        report["rounds"] = self.rounds.into();
        report["seconds"] = took.as_secs().into();
        if let Some((seed, said)) = &self.failed {
            report["failed"] = json!({"seed": seed, "said": said});
        }
        report
    }
}

fn said(panic: tokio::task::JoinError) -> String {
    let panic = panic.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// What a round is about.
#[derive(Clone, Copy, Debug)]
enum Round {
    Kills {
        kills: usize,
        lanes: usize,
    },
    KillsOfFiles {
        kills: usize,
    },
    Crashes {
        crashes: usize,
        pollers: usize,
    },
    /// Each message that is lost without a word costs more than a minute.
    Connections {
        pollers: usize,
        losses: usize,
    },
    Queue {
        processes: usize,
        pollers_each: usize,
    },
    /// `serve` with the webhook, so many blows of each kind.
    Serving {
        blows: usize,
    },
    /// An application's tables.
    Parking,
    Storm {
        seconds: u64,
    },
}

impl Round {
    fn draw(rng: &mut Rng) -> Self {
        match rng.u32(..13) {
            0 => Self::Kills { kills: rng.usize(20..=60), lanes: 1 },
            1 => Self::Kills { kills: rng.usize(20..=60), lanes: rng.usize(2..=4) },
            2 => Self::KillsOfFiles { kills: rng.usize(5..=20) },
            3 => Self::Crashes { crashes: rng.usize(1..=5), pollers: rng.usize(1..=4) },
            4 => Self::Connections { pollers: rng.usize(1..=4), losses: 0 },
            5 => Self::Connections { pollers: rng.usize(2..=4), losses: rng.usize(1..=2) },
            6 => Self::Queue { processes: rng.usize(1..=8), pollers_each: rng.usize(1..=3) },
            7 => Self::Serving { blows: rng.usize(1..=3) },
            8 => Self::Parking,
            _ => Self::Storm { seconds: rng.u64(STORM_S_MIN..=STORM_S_MAX) },
        }
    }

    async fn play(self, seed: u64, sabotage: Sabotage) -> Deeds {
        match self {
            Self::Kills { kills, lanes } => kills::play(seed, kills, lanes).await,
            Self::Crashes { crashes, pollers } => crashes::play(seed, crashes, pollers).await,
            Self::Connections { pollers, losses } => connections::play(seed, pollers, losses).await,
            Self::KillsOfFiles { kills } => kills::play_file(seed, kills).await,
            Self::Queue { processes, pollers_each } => {
                queues::play(seed, &vec![pollers_each; processes]).await
            }
            Self::Serving { blows } => serving::play(seed, blows).await.0,
            Self::Parking => parking::play(seed).await,
            Self::Storm { seconds } => storm::play(seed, Duration::from_secs(seconds), sabotage).await,
        }
    }
}

/// `AFTERSEND_SOAK_MINUTES` says for how long, with 0 for one round, and a short one if it is missing;
/// `AFTERSEND_SOAK_REPORT` says where the report goes; with `AFTERSEND_SOAK_BREAK` a row is made wrong by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let (seed, began) = (seed(), Instant::now());
    let duration = number("AFTERSEND_SOAK_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let sabotage = if env::var_os("AFTERSEND_SOAK_BREAK").is_some() { Sabotage::Row } else { Sabotage::None };
    let soak = Soak::run(seed, duration, sabotage).await;
    let report = soak.report(seed, began.elapsed()).to_string();
    if let Some(path) = env::var_os("AFTERSEND_SOAK_REPORT") {
        fs::write(path, format!("{report}\n")).unwrap();
    }
    assert!(soak.failed.is_none(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_changed_is_seen() {
    let soak = Soak::run(7, None, Sabotage::Row).await;
    let (seed, said) = soak.failed.as_ref().expect("the round fails");
    assert_eq!(*seed, 7);
    assert!(said.contains("status is \"queued\" instead of"), "{said}");
    let report = soak.report(7, Duration::ZERO);
    assert_eq!((&report["ok"], &report["failed"]["seed"]), (&json!(false), &json!(7)));
}

/// The messages about one mail are deleted from the queue behind the program's back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_was_lost_is_seen() {
    let scene = Scene::new(seed(), 40, Hidden::Shortly).await;
    scene.send_rest().await;
    let id = scene.truth.mails.keys().next().unwrap();
    loop {
        let received = scene.queue.receive(&scene.queue_url, 3).await;
        if received.is_empty() {
            break;
        }
        for message in received.iter().filter(|message| message.body.contains(id)) {
            let request = json!({"QueueUrl": scene.queue_url, "ReceiptHandle": message.receipt_handle});
            scene.queue.call("DeleteMessage", &request).await.unwrap();
        }
    }
    let mut pollers = vec![scene.start_poller(&scene.database_url(), &scene.queue_url)];
    scene.work_off(&mut pollers).await;
    let differences = scene.differences().await;
    assert!(differences.contains(&format!("mail {id} is missing")), "{differences:?}");
}
