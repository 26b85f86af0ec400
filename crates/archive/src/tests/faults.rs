//! Storage that fails, lies, loses and fills up; and a program that is killed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aftersend_store::ArchiveRunState;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    local::LocalFileSystem, path::Path,
};

use super::ground::{Ground, assert_same, later};
use crate::{ArchiveError, ArchivePlace, Fault, RunOptions, run, verify};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The n-th write fails, as a full disk does.
    Full(usize),
    /// The n-th write fails, and half of it is there all the same, under its name.
    Half(usize),
    /// The n-th write is answered with a yes, and other bytes are there.
    Garbage(usize),
    /// The n-th write is answered with a yes, and nothing is there.
    Lost(usize),
    /// The n-th read ends early.
    CutRead(usize),
    /// Removing fails.
    NoRemoval,
    /// The n-th write never ends.
    Hang(usize),
}

/// A folder with one trouble.
#[derive(Debug)]
struct Faulty {
    inner: LocalFileSystem,
    trouble: Trouble,
    writes: AtomicUsize,
    reads: AtomicUsize,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.trouble)
    }
}

fn failed(kind: std::io::ErrorKind) -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: Box::new(std::io::Error::from(kind)) }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let bytes: Vec<u8> = payload.iter().flat_map(|part| part.to_vec()).collect();
        let half = bytes[..bytes.len() / 2].to_vec();
        match self.trouble {
            Trouble::Full(n) if n == number => return Err(failed(std::io::ErrorKind::StorageFull)),
            Trouble::Half(n) if n == number => {
                self.inner.put_opts(location, half.into(), options).await?;
                return Err(failed(std::io::ErrorKind::ConnectionReset));
            }
            Trouble::Garbage(n) if n == number => {
                let mut garbage = bytes;
                let place = garbage.len() / 2;
                garbage[place] ^= 0x10;
                return self.inner.put_opts(location, garbage.into(), options).await;
            }
            Trouble::Lost(n) if n == number => {
                return Ok(PutResult {
                    e_tag: None,
                    version: None,
                    extensions: object_store::Extensions::default(),
                });
            }
            Trouble::Hang(n) if n == number => std::future::pending().await,
            _ => {}
        }
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let number = self.reads.fetch_add(1, Ordering::SeqCst);
        let mut found = self.inner.get_opts(location, options).await?;
        if self.trouble == Trouble::CutRead(number) {
            let bytes = found.bytes().await?;
            let half = bytes.slice(..bytes.len() / 2);
            found = self.inner.get_opts(location, GetOptions::default()).await?;
            let parts = futures_util::stream::once(async move { Ok(half) });
            found.payload = GetResultPayload::Stream(Box::pin(parts));
        }
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.trouble == Trouble::NoRemoval {
            return Box::pin(futures_util::stream::once(async {
                Err(failed(std::io::ErrorKind::ConnectionReset))
            }));
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn faulty(ground: &Ground, trouble: Trouble) -> ArchivePlace {
    let inner = LocalFileSystem::new_with_prefix(ground.folder.path()).unwrap();
    let faulty = Faulty { inner, trouble, writes: AtomicUsize::new(0), reads: AtomicUsize::new(0) };
    ArchivePlace::of(Arc::new(faulty), "faulty")
}

fn all() -> RunOptions {
    RunOptions { delete_archived: true, object_mails_max: 20, ..RunOptions::before(later()) }
}

/// Each mail is either here as it was, or in a proven object: what is there comes back to what there was.
async fn assert_nothing_is_lost(ground: &Ground, rows: &[String], when: &str) {
    let here = ground.count("phoenix_kit_email_logs").await;
    let gone: i64 = ground
        .client
        .query_one(
            &format!(
                "SELECT count(*) FROM {}.aftersend_archived_mails WHERE removed_at IS NOT NULL",
                ground.prefix.quoted()
            ),
            &[],
        )
        .await
        .unwrap()
        .get(0);
    let mails = rows.iter().filter(|row| row.starts_with("phoenix_kit_email_logs")).count();
    assert_eq!(usize::try_from(here + gone).unwrap(), mails, "{when}");
    let report = verify(&ground.store, &ground.place, &|_, _| ()).await.unwrap();
    assert!(report.holds(), "{when}: {report:?}");
    ground.restore().await;
    assert_same(&ground.rows().await, rows, when);
}

#[tokio::test]
async fn whatever_the_storage_does_no_mail_is_lost() {
    let ground = Ground::with_traffic(21).await;
    let rows = ground.rows().await;
    // Writes 0 and 1 are the first object's lines and manifest; reads are as many.
    for trouble in [
        Trouble::Full(0),
        Trouble::Full(3),
        Trouble::Half(0),
        Trouble::Half(1),
        Trouble::Half(4),
        Trouble::Garbage(0),
        Trouble::Garbage(1),
        Trouble::Garbage(2),
        Trouble::Lost(0),
        Trouble::Lost(3),
        Trouble::CutRead(0),
        Trouble::CutRead(1),
        Trouble::CutRead(2),
    ] {
        let error = run(&ground.store, &faulty(&ground, trouble), all(), &|_| ()).await.unwrap_err();
        let is_told = matches!(&error, ArchiveError::Storage { .. } | ArchiveError::Damaged { .. });
        assert!(is_told, "{trouble:?}: {error}");
        if let Trouble::Full(_) = trouble {
            assert!(error.to_string().contains("Make room there"), "{error}");
        }
        let runs = ground.store.archive_runs(1).await.unwrap();
        assert_eq!(runs[0].state, ArchiveRunState::Failed(error.to_string()), "{trouble:?}");
        assert!(runs[0].ended_at.is_some(), "{trouble:?}");
        assert_eq!(
            ground.count("phoenix_kit_email_logs").await,
            i64::try_from(rows.iter().filter(|row| row.starts_with("phoenix_kit_email_logs")).count())
                .unwrap(),
            "{trouble:?}: nothing leaves before all is proven"
        );
        assert_nothing_is_lost(&ground, &rows, &format!("{trouble:?}")).await;
        // As if none had ever been there: the next trouble is to meet all of them.
        ground.run_sql(r#"TRUNCATE "prefix".aftersend_archived_mails"#).await;
    }
    // And then it works, and what was begun is gone.
    ground.archive(true).await;
    ground.assert_verified().await;
    assert_eq!(ground.store.archive_leftovers(0).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_damaged_later_is_told_and_left_out() {
    let ground = Ground::with_traffic(22).await;
    ground.archive(true).await;
    let mut names: Vec<std::path::PathBuf> = Vec::new();
    let mut folders = vec![ground.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { names.push(path) }
        }
    }
    names.sort();
    let lines: Vec<_> =
        names.iter().filter(|name| name.extension().is_some_and(|ending| ending == "zst")).collect();
    assert!(lines.len() >= 4, "{names:?}");
    let mut bytes = std::fs::read(lines[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(lines[0], bytes).unwrap();
    std::fs::write(lines[1], &std::fs::read(lines[1]).unwrap()[..100]).unwrap();
    std::fs::remove_file(lines[2]).unwrap();
    std::fs::remove_file(lines[3].to_str().unwrap().replace(".ndjson.zst", ".json")).unwrap();
    std::fs::write(ground.folder.path().join("notes.txt"), "not ours").unwrap();
    std::fs::write(ground.folder.path().join("stray.ndjson.zst"), "half").unwrap();

    let report = verify(&ground.store, &ground.place, &|_, _| ()).await.unwrap();
    assert!(!report.holds());
    let faults: Vec<&Fault> = report.faults.values().collect();
    let count = |is: fn(&Fault) -> bool| faults.iter().filter(|fault| is(fault)).count();
    assert_eq!(count(|fault| matches!(fault, Fault::Damaged(_))), 2, "{report:?}");
    assert_eq!(count(|fault| matches!(fault, Fault::Missing)), 2, "{report:?}");
    assert_eq!(report.faults["notes.txt"], Fault::Foreign);
    assert_eq!(report.faults["stray"], Fault::Unfinished);

    let restored = ground.restore().await;
    assert_eq!(restored.damaged.len(), 5, "{:?}", restored.damaged);
    assert_eq!(i64::try_from(restored.mails.restored).unwrap(), ground.count("phoenix_kit_email_logs").await);
    assert!(restored.mails.restored > 0);
}

#[tokio::test]
async fn an_object_that_another_runner_gave_up_takes_no_mail_along() {
    let ground = Ground::with_traffic(23).await;
    let rows = ground.rows().await;
    // Killed while it writes: the future ends, and with it all it held.
    for number in [0, 1, 2, 3] {
        let place = faulty(&ground, Trouble::Hang(number));
        let running = run(&ground.store, &place, all(), &|_| ());
        let reached = async {
            loop {
                let begun = ground
                    .texts(r#"SELECT name FROM "prefix".aftersend_archive_objects WHERE state = 'written'"#)
                    .await;
                let proven = ground.count("aftersend_archived_mails").await;
                if !begun.is_empty() && (number < 2 || proven > 0) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = running => panic!("{done:?}"),
            () = reached => {}
        }
        assert_nothing_is_lost(&ground, &rows, &format!("killed in write {number}")).await;
    }
    let leftovers = ground.store.archive_leftovers(0).await.unwrap();
    assert!(!leftovers.is_empty());
    let report = ground.archive(true).await;
    assert_eq!(report.cleared, leftovers.len() as u64, "{report:?}");
    ground.assert_verified().await;
    assert_nothing_is_lost(&ground, &rows, "in the end").await;
}

#[tokio::test]
async fn what_cannot_be_removed_is_removed_later() {
    let ground = Ground::with_traffic(24).await;
    ground.run_sql(r#"INSERT INTO "prefix".aftersend_archive_objects (run_number, name, kind, state) VALUES (1, 'dead', 'mails', 'written')"#).await;
    ground.place.put("dead.ndjson.zst", b"half".to_vec()).await.unwrap();
    let error = run(&ground.store, &faulty(&ground, Trouble::NoRemoval), all(), &|_| ()).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Storage { action: "removing", .. }), "{error}");
    assert_eq!(ground.store.archive_leftovers(0).await.unwrap().len(), 1);
    assert_eq!(ground.archive(false).await.cleared, 1);
    assert!(ground.place.get("dead.ndjson.zst").await.unwrap().is_none());
    let folder = LocalFileSystem::new_with_prefix(ground.folder.path()).unwrap();
    assert!(folder.head(&Path::from("dead.ndjson.zst")).await.is_err());
}
