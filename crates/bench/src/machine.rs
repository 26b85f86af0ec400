//! What the figures were measured on.

use std::{collections::BTreeMap, env::consts, fs, thread};

use anyhow::Context as _;
use serde::Serialize;
use tokio_postgres::Client;

/// The settings of the server that locks, commits and builds depend on. All but the ones that the embedded server is
/// always started with are PostgreSQL's defaults.
const SETTINGS: [&str; 18] = [
    "autovacuum",
    "checkpoint_timeout",
    "data_checksums",
    "deadlock_timeout",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "jit",
    "lc_collate",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "shared_buffers",
    "synchronous_commit",
    "wal_level",
    "wal_sync_method",
    "work_mem",
];

/// The machine.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    system: String,
    processor: Option<String>,
    cores: usize,
    memory_bytes: Option<u64>,
    /// Of the last minute before the bench: what else the machine had to do.
    load_average_before: Option<f64>,
}

/// The server.
#[derive(Debug, Serialize)]
pub(crate) struct Postgres {
    version: String,
    settings: BTreeMap<String, String>,
}

impl Machine {
    /// What this system tells about itself; what it doesn't is left out.
    pub(crate) fn read() -> Self {
        let processor = read_line("/proc/cpuinfo", "model name");
        let memory_kib: Option<u64> = read_line("/proc/meminfo", "MemTotal")
            .and_then(|text| text.trim_end_matches("kB").trim_end().parse().ok());
        Self {
            system: format!("{} {}", consts::OS, consts::ARCH),
            processor,
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_kib.map(|kib| kib * 1024),
            load_average_before: load_average(),
        }
    }
}

impl Postgres {
    /// What the server tells about itself.
    pub(crate) async fn read(client: &Client) -> anyhow::Result<Self> {
        let version = client.query_one("SHOW server_version", &[]).await?.get(0);
        let rows = client
            .query(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY ($1)",
                &[&SETTINGS.as_slice()],
            )
            .await
            .context("reading the server's settings")?;
        Ok(Self { version, settings: rows.iter().map(|row| (row.get(0), row.get(1))).collect() })
    }
}

/// How many threads of the whole machine wanted to run in the last minute, on average, on Linux.
pub(crate) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// What stands after the first `name :` in a file of the kernel's.
fn read_line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}
