//! The quarantine's messages, read anew for the site.

use std::{future::Future, pin::Pin, time::Duration};

use aftersend_ingest::{Refused, Shutdown};
use aftersend_store::{QuarantineFilter, Store};
use aftersend_web::{Reread, Rereading};
use uuid::Uuid;

/// How long somebody who waits for the page is let wait for a database that is busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads messages anew as `aftersend quarantine replay` does.
pub(crate) struct Replaying {
    pub(crate) store: Store,
    pub(crate) shutdown: Shutdown,
}

impl Rereading for Replaying {
    fn reread(&self, uuid: Uuid) -> Pin<Box<dyn Future<Output = Result<Reread, String>> + Send + '_>> {
        Box::pin(async move {
            let filter = QuarantineFilter { uuids: Some(vec![uuid]), ..QuarantineFilter::default() };
            let mut reason = None;
            let mut on_refused = |refused: &Refused| reason = Some(refused.reason.clone());
            let shutdown = self.shutdown.clone();
            let reading = aftersend_ingest::replay(&self.store, filter, PATIENCE, shutdown, &mut on_refused);
            let (tally, ended) = reading.await;
            ended.map_err(|error| error.to_string())?;
            match reason {
                Some(reason) => Ok(Reread::Refused(reason)),
                None if tally.received > 0 => Ok(Reread::Settled),
                None if self.shutdown.is_requested() => Err("the program is about to end".to_owned()),
                None => Ok(Reread::Gone),
            }
        })
    }
}
