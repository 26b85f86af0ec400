//! SIGKILL between any two steps of a poller, and a new one in its place.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use aftersend_testkit::{
    DatabaseProxy, QueueProxy,
    database::proxy::{Direction, Passage, Passing},
    queue::proxy::{Call, Fate, Faults, Reply},
};
use fastrand::Rng;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    crew::shorten,
    number,
    poller::Poller,
    scene::{Counters, Deeds, Hidden, Scene},
    seed,
};

/// Kills over a run, unless `AFTERSEND_FAULT_KILLS` says otherwise.
const KILLS_DEFAULT: u64 = 200;

/// From how many kills on every kind of step must have been met.
const KILLS_FOR_ALL_STEPS: usize = 40;

/// How long a poller may live before it gets to where it is to be killed.
const AIM_TIMEOUT: Duration = Duration::from_mins(1);

/// How often it is looked whether a poller has run out of work before that.
const IDLE_POLL: Duration = Duration::from_millis(50);

/// A step of a poller, as a proxy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Any message to PostgreSQL.
    Message,
    /// `COMMIT` is on its way.
    Commit,
    /// The transaction is committed, and its answer on its way.
    Committed,
    /// Messages are asked for.
    Receive,
    /// The queue has handed out messages, which are on their way.
    Received,
    /// Messages are to be deleted.
    Delete,
    /// They are deleted, and the answer is on its way.
    Deleted,
    /// There is nothing to do.
    Idle,
}

/// When a poller is killed.
#[derive(Clone, Copy, Debug)]
struct Aim {
    step: Step,
    /// The how manieth of its steps of that kind it is, from 1.
    nth: usize,
    /// Whether what is on its way still arrives.
    arrives: bool,
}

/// The kinds of steps, each as often as it is aimed at.
const AIMS: [(Step, bool); 12] = [
    (Step::Message, false),
    (Step::Message, true),
    (Step::Message, false),
    (Step::Message, true),
    (Step::Commit, false),
    (Step::Commit, true),
    (Step::Committed, false),
    (Step::Receive, false),
    (Step::Received, false),
    (Step::Delete, false),
    (Step::Delete, true),
    (Step::Deleted, false),
];

/// Kills a poller at the step that it is aimed at. Both proxies of the poller ask it at each step.
struct Gun {
    target: Mutex<Option<Target>>,
    /// Messages to PostgreSQL that the poller with the most of them has sent.
    messages_max: Mutex<usize>,
    shots: mpsc::UnboundedSender<Step>,
    counters: Arc<Counters>,
}

struct Target {
    poller: Poller,
    aim: Aim,
    /// Messages that it has sent to PostgreSQL.
    messages: usize,
    /// Steps of the kind that is aimed at.
    steps: usize,
}

impl Gun {
    /// A gun, and where it tells of its shots.
    fn new(counters: &Arc<Counters>) -> (Arc<Self>, mpsc::UnboundedReceiver<Step>) {
        let (shots, receiver) = mpsc::unbounded_channel();
        let (target, messages_max) = (Mutex::new(None), Mutex::new(1));
        (Arc::new(Self { target, messages_max, shots, counters: Arc::clone(counters) }), receiver)
    }

    /// A proxy that asks this gun.
    async fn at_database(self: &Arc<Self>, scene: &Scene) -> DatabaseProxy {
        let gun = Arc::clone(self);
        DatabaseProxy::start(&scene.database_url(), move |passing| gun.see(passing)).await
    }

    /// Any message to PostgreSQL that a poller has been seen to send.
    fn any_message(&self, rng: &mut Rng) -> usize {
        rng.usize(1..=*self.messages_max.lock().unwrap())
    }

    /// Starts a poller and aims at it. No step of it is missed: they wait until this is done.
    fn aim(&self, aim: Aim, start: impl FnOnce() -> Poller) {
        let mut target = self.target.lock().unwrap();
        *target = Some(Target { poller: start(), aim, messages: 0, steps: 0 });
    }

    /// The poller is at a step. Was it killed there, then it is told whether what is on its way arrives.
    fn at(&self, step: Step) -> Option<bool> {
        let mut slot = self.target.lock().unwrap();
        let target = slot.as_mut()?;
        if step == Step::Message {
            target.messages += 1;
            let mut messages_max = self.messages_max.lock().unwrap();
            *messages_max = target.messages.max(*messages_max);
        }
        target.steps += usize::from(step == target.aim.step);
        let hit = step == target.aim.step && target.steps >= target.aim.nth;
        (hit || step == Step::Idle).then(|| {
            let mut target = slot.take().expect("it was looked at");
            target.poller.kill();
            self.counters.kills.fetch_add(1, Relaxed);
            // Nobody waits for it any more where the test has failed.
            let _ = self.shots.send(step);
            target.aim.arrives
        })
    }

    /// Whether it has ended by itself and is content, which makes room for the next one.
    fn has_done_all(&self) -> bool {
        self.target.lock().unwrap().take_if(|target| target.poller.has_done_all()).is_some()
    }

    /// What the poller said if it has ended by itself.
    fn ended(&self) -> Option<String> {
        let mut target = self.target.lock().unwrap();
        let poller = &mut target.as_mut()?.poller;
        poller.has_ended().then(|| poller.said())
    }

    fn see(&self, passing: &Passing<'_>) -> Passage {
        let step = match passing.sql() {
            Some("COMMIT") => Some(Step::Commit),
            _ if passing.done() == Some("COMMIT") => Some(Step::Committed),
            _ => None,
        };
        self.counters.batches.fetch_add(usize::from(step == Some(Step::Committed)), Relaxed);
        let any = (passing.direction == Direction::ToServer).then_some(Step::Message);
        match [any, step].into_iter().flatten().find_map(|step| self.at(step)) {
            Some(false) => Passage::Cut,
            Some(true) | None => Passage::Pass,
        }
    }
}

/// The gun at the queue.
struct AtQueue(Arc<Gun>);

impl Faults for AtQueue {
    fn before(&self, call: &mut Call) -> Fate {
        let step = match call.action.as_str() {
            "ReceiveMessage" => {
                shorten(call);
                Step::Receive
            }
            "DeleteMessageBatch" => Step::Delete,
            _ => return Fate::Pass,
        };
        match self.0.at(step) {
            Some(false) => Fate::Drop,
            Some(true) | None => Fate::Pass,
        }
    }

    fn after(&self, call: &Call, answer: &mut Value) -> Reply {
        let step = match call.action.as_str() {
            "ReceiveMessage" if answer["Messages"].is_array() => Step::Received,
            "DeleteMessageBatch" => Step::Deleted,
            _ => return Reply::Give,
        };
        if self.0.at(step).is_some() { Reply::Drop } else { Reply::Give }
    }
}

/// Kills one poller after the other, so many in all, and leaves what they have not done to others. Tells at which
/// steps they were.
async fn kill_one_after_the_other(scene: Arc<Scene>, kills: usize, share: usize, mut rng: Rng) -> Vec<Step> {
    let (gun, mut shots) = Gun::new(&scene.counters);
    let database = gun.at_database(&scene).await;
    let queue = QueueProxy::start(&scene.queue, AtQueue(Arc::clone(&gun))).await;
    let mut aims: Vec<(Step, bool)> = Vec::new();
    let mut steps = Vec::with_capacity(kills);
    for _ in 0..kills {
        if aims.is_empty() {
            aims = AIMS.to_vec();
            rng.shuffle(&mut aims);
        }
        let (step, arrives) = aims.pop().expect("there are some again");
        let nth = match step {
            Step::Message => gun.any_message(&mut rng),
            // The second batch, the second delete, now and then.
            _ => rng.usize(1..=5).saturating_sub(3).max(1),
        };
        scene.send(rng.usize(0..=2 * share)).await;
        let aim = Aim { step, nth, arrives };
        gun.aim(aim, || scene.start_poller(database.url(), &queue.url(&scene.queue_url)));
        steps.push(shot(&scene, &gun, aim, &mut shots).await);
    }
    steps
}

/// Waits for the shot. A poller that has run out of work before is killed then.
async fn shot(scene: &Scene, gun: &Gun, aim: Aim, shots: &mut mpsc::UnboundedReceiver<Step>) -> Step {
    let deadline = Instant::now() + AIM_TIMEOUT;
    loop {
        tokio::select! {
            biased;
            step = shots.recv() => return step.expect("the gun is here"),
            () = tokio::time::sleep(IDLE_POLL) => {}
        }
        if let Some(said) = gun.ended() {
            panic!("a poller ended by itself; it said:\n{said}");
        }
        assert!(Instant::now() < deadline, "no poller got to {aim:?}");
        // Nothing to do can also mean that the last messages are not committed by others yet: no matter.
        if scene.waiting().await == 0 {
            gun.at(Step::Idle);
        }
    }
}

/// So many kills in all, of so many pollers at a time.
pub(super) async fn play(seed: u64, kills: usize, lanes: usize) -> Deeds {
    let scene = Arc::new(Scene::new(seed, 40 + kills, Hidden::Shortly).await);
    let share = scene.unsent() / kills.max(1);
    let mut playing = JoinSet::new();
    let mut rng = Rng::with_seed(seed);
    for lane in 0..lanes {
        let kills = (kills + lane) / lanes;
        playing.spawn(kill_one_after_the_other(Arc::clone(&scene), kills, share, rng.fork()));
    }
    let mut met: BTreeMap<Step, usize> = BTreeMap::new();
    for step in playing.join_all().await.into_iter().flatten() {
        *met.entry(step).or_default() += 1;
    }
    eprintln!("killed at {met:?}");
    if kills >= KILLS_FOR_ALL_STEPS {
        let missed: Vec<Step> =
            AIMS.iter().map(|(step, _)| *step).filter(|step| !met.contains_key(step)).collect();
        assert!(missed.is_empty(), "no poller was killed at {missed:?}");
    }
    assert_eq!(met.values().sum::<usize>(), kills);
    let last = scene.start_poller(&scene.database_url(), &scene.queue_url);
    scene.finish(vec![last]).await;
    scene.counters.deeds()
}

/// So many kills of runs over a file, each of which begins again with the file's beginning.
pub(super) async fn play_file(seed: u64, kills: usize) -> Deeds {
    let mut scene = Scene::new(seed, 60, Hidden::Shortly).await;
    let path = scene.write_file();
    let mut rng = Rng::with_seed(seed);
    let (gun, mut shots) = Gun::new(&scene.counters);
    let database = gun.at_database(&scene).await;
    // The first one goes through: from then on it is known how long one is.
    let mut aim = Aim { step: Step::Message, nth: usize::MAX, arrives: true };
    let mut killed = 0;
    let began = Instant::now();
    while killed < kills {
        gun.aim(aim, || scene.start_file(database.url(), &path));
        loop {
            tokio::select! {
                biased;
                _ = shots.recv() => {
                    killed += 1;
                    break;
                }
                () = tokio::time::sleep(IDLE_POLL) => {}
            }
            if gun.has_done_all() {
                break;
            }
            assert!(gun.ended().is_none(), "a run failed; it said:\n{}", gun.ended().unwrap_or_default());
            assert!(began.elapsed() < AIM_TIMEOUT * 4, "{killed} kills of {kills} in all this time");
        }
        aim = Aim { step: Step::Message, nth: gun.any_message(&mut rng), arrives: rng.bool() };
    }
    let mut last = scene.start_file(&scene.database_url(), &path);
    while !last.has_ended() {
        tokio::time::sleep(IDLE_POLL).await;
    }
    assert!(last.has_done_all(), "the last run failed; it said:\n{}", last.said());
    scene.finish(Vec::new()).await;
    scene.counters.deeds()
}

fn kills() -> usize {
    usize::try_from(number("AFTERSEND_FAULT_KILLS").unwrap_or(KILLS_DEFAULT)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_killed_at_any_step_loses_nothing_and_doubles_nothing() {
    let kills = kills().div_ceil(2);
    let deeds = play(seed(), kills, 1).await;
    assert_eq!(deeds.kills, kills);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_over_a_file_killed_at_any_step_can_be_repeated() {
    let kills = kills().div_ceil(10);
    let deeds = play_file(seed(), kills).await;
    assert_eq!(deeds.kills, kills);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_pollers_killed_at_any_step_lose_nothing_and_double_nothing() {
    let kills = kills() / 2;
    let deeds = play(seed(), kills, 3).await;
    assert_eq!(deeds.kills, kills);
}
