use std::time::Duration;

use super::*;
use crate::fixture::Told;

fn gate() -> (Arc<Gate>, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Arc::new(Gate::new(told.clone())), told)
}

fn away() -> Trouble {
    Trouble::Away("away".to_owned())
}

fn full() -> Trouble {
    Trouble::Stuck("full".to_owned())
}

async fn is_passed(gate: &Gate) -> bool {
    tokio::time::timeout(Duration::from_secs(1), gate.passed()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn one_has_the_turn_and_whoever_gets_through_opens() {
    let (gate, told) = gate();
    assert!(is_passed(&gate).await);
    let turn = gate.close(away()).unwrap();
    assert!(!is_passed(&gate).await);
    assert!(gate.close(full()).is_none(), "it is another's turn");
    assert!(turn.failed(Trouble::Away("still away".to_owned())));
    assert!(turn.failed(full()));
    assert_eq!(gate.trouble().as_deref(), Some("full"));
    gate.open();
    gate.open();
    assert!(is_passed(&gate).await);
    assert_eq!(gate.trouble(), None);
    drop(turn);
    assert!(is_passed(&gate).await);
    let conditions = ["the database paused: away", "the database paused: full", "the database running"];
    assert_eq!(told.conditions(), conditions);
}

#[tokio::test(start_paused = true)]
async fn a_turn_passes_on_and_nothing_is_told_twice() {
    let (gate, told) = gate();
    drop(gate.close(full()));
    assert!(is_passed(&gate).await, "the next one tries");
    let second = gate.close(full()).unwrap();
    assert!(!is_passed(&gate).await);
    // The gate is opened and closed by others while the second one tries.
    gate.open();
    let third = gate.close(away()).unwrap();
    assert!(!second.failed(full()), "it is another's turn");
    drop(second);
    assert!(!is_passed(&gate).await, "what another closed stays closed");
    drop(third);
    gate.open();
    let conditions = [
        "the database paused: full",
        "the database running",
        "the database paused: away",
        "the database running",
    ];
    assert_eq!(told.conditions(), conditions);
}

/// Who asks whether to come must be let in where nobody is finding out: else nobody would find out ever.
#[tokio::test(start_paused = true)]
async fn the_intake_is_closed_while_somebody_finds_out_and_no_longer() {
    let (gate, _) = gate();
    let intake = Intake::of(&gate);
    assert!(!intake.is_closed());
    let turn = gate.close(away()).unwrap();
    assert!(intake.is_closed());
    drop(turn);
    assert!(!intake.is_closed(), "nobody is finding out");
    let turn = gate.close(away()).unwrap();
    tokio::time::advance(Duration::from_secs(7)).await;
    assert!(intake.is_closed());
    assert_eq!(
        intake.closed_for(),
        Some(Duration::from_secs(7)),
        "also over the time in which nobody watched"
    );
    gate.open();
    assert!(!intake.is_closed());
    drop(turn);
    assert!(!intake.is_closed());
}
