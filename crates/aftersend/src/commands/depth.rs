//! How much waits in queues, asked from time to time for the site and for Prometheus.

use std::{sync::Arc, time::Duration};

use aftersend_ingest::{QueueInspector, QueueOptions, Shutdown};
use tokio::task::JoinSet;

use crate::{config::Queue, watch::Watch};

/// How often a queue is asked. SQS's own numbers settle within a minute, and each question is a request that is billed.
const PAUSE: Duration = Duration::from_secs(30);

/// The same for a queue that may not be asked: somebody may grant it.
const DENIED_PAUSE: Duration = Duration::from_mins(5);

/// Asks each queue for its depth until a shutdown is requested. Every task is joined.
pub(super) async fn watch_depths(queues: &[Queue], watch: &Arc<Watch>, shutdown: &Shutdown) {
    let mut tasks = JoinSet::new();
    for queue in queues {
        let (name, options) = (queue.name.clone(), queue.options.clone());
        tasks.spawn(watch_depth(name, options, watch.clone(), shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            // Events come in all the same.
            tracing::error!(%error, "a queue's depth is told no more");
        }
    }
}

async fn watch_depth(name: String, options: QueueOptions, watch: Arc<Watch>, mut shutdown: Shutdown) {
    // What is wrong with the options, those who poll the queue say.
    let Ok(inspector) = QueueInspector::open(&options).await else { return };
    let mut is_told = false;
    loop {
        let asked = tokio::select! {
            biased;
            () = shutdown.requested() => return,
            asked = inspector.depth() => asked,
        };
        let pause = match &asked {
            Ok(_) => {
                is_told = false;
                PAUSE
            }
            Err(refusal) if refusal.is_denied => {
                if !is_told {
                    tracing::warn!(
                        queue = name,
                        reason = refusal.sentence,
                        "how much waits in the queue can't be told"
                    );
                }
                is_told = true;
                DENIED_PAUSE
            }
            // That it is away or missing, those who poll it say.
            Err(_) => PAUSE,
        };
        watch.depth(&name, asked.ok());
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
