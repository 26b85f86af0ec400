//! A clone of a database for one run.

use anyhow::Context as _;

use crate::{server::PrivateServer, session::Session};

/// The database that a run works on.
pub(crate) const CLONE: &str = "clone";

/// Works on a clone of the database, by its address, and drops it afterwards, however that ended. Nobody may be connected to the
/// database that is cloned.
pub(crate) async fn on_clone<T>(
    server: &PrivateServer,
    template: &str,
    work: impl AsyncFnOnce(&str) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let maintenance = Session::open(&server.maintenance_address(), "bench").await?;
    // As files, and not through the log of changes, whose bulk would be the run's burden. The checkpoint writes to disk
    // what else is left to write, so that each run begins alike.
    let clone = format!("CREATE DATABASE {CLONE} TEMPLATE {template} STRATEGY file_copy");
    maintenance.batch_execute(&clone).await.context("cloning the database")?;
    maintenance.batch_execute("CHECKPOINT").await?;
    let worked = work(&server.address(CLONE)).await;
    let dropped = maintenance.batch_execute(&format!("DROP DATABASE {CLONE} WITH (FORCE)")).await;
    let worked = worked?;
    dropped.context("dropping the clone")?;
    Ok(worked)
}
