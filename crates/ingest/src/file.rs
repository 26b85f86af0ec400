//! Events from a file or from standard input.

use std::{
    collections::VecDeque,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use tokio::sync::{Mutex, OwnedRwLockReadGuard, RwLock};

mod look;

use crate::{
    Feed, FeedError, Received,
    busy::busy,
    split::{Cut, Splitter},
};

/// Bytes asked for at once.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// Characters of a file's name that tell where a message came from.
const NAME_CHARACTERS_MAX: usize = 200;

/// Reads that fill a batch from a file on disk at most: as much of it is in memory at once.
const BATCH_READS_MAX: usize = 8;

/// Pollers of a file on disk: one reads a batch while the other's is stored.
const POLLERS: usize = 2;

/// A file, or standard input: one JSON document or many, in any wrapping that `aftersend-event` reads.
///
/// Reads block, so this feed is for a program that does nothing else meanwhile. A file on disk fills whole batches; of
/// anything else, what a read brings is stored before the next one: behind a pipe that has gone quiet nothing waits.
pub struct FileFeed {
    source: Arc<Mutex<Source>>,
    /// Held for reading by each poller that has messages in hand.
    at_work: Arc<RwLock<()>>,
    in_hand: Option<OwnedRwLockReadGuard<()>>,
}

/// What all pollers of a file share.
struct Source {
    reader: Box<dyn Read + Send>,
    /// The file's own name, which tells a quarantined message's origin; none for a stream.
    name: Option<String>,
    /// Whether reading on never waits for anybody.
    is_on_disk: bool,
    splitter: Splitter,
    buffer: Vec<u8>,
    waiting: VecDeque<Cut>,
    ended: bool,
}

impl FileFeed {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// What the system says of the file; or that a file on disk plainly holds no events: a packed one, a program, a table.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::new(Box::new(io::stdin())));
        }
        let file = std::fs::File::open(path)?;
        // A folder opens, and fails only when it is read.
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file in it"));
        }
        let name =
            path.file_name().map(|name| name.to_string_lossy().chars().take(NAME_CHARACTERS_MAX).collect());
        let mut source = Source { name, is_on_disk: metadata.is_file(), ..Source::new(Box::new(file)) };
        if source.is_on_disk {
            source.look()?;
        }
        Ok(Self::of(source))
    }

    /// Reads from anything.
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::of(Source::new(reader))
    }

    /// The file's pollers, between which its messages are dealt out, each to one of them: two if it is on disk. A pipe
    /// has a single one: the second would sit in a read that nothing can end, when the first has come to an error.
    pub fn into_pollers(self) -> Vec<Self> {
        let Self { source, at_work, .. } = &self;
        let is_on_disk = source.try_lock().is_ok_and(|source| source.is_on_disk);
        let pollers = if is_on_disk { POLLERS } else { 1 };
        let more: Vec<Self> = (1..pollers)
            .map(|_| Self { source: source.clone(), at_work: at_work.clone(), in_hand: None })
            .collect();
        std::iter::once(self).chain(more).collect()
    }

    fn of(source: Source) -> Self {
        Self { source: Arc::new(Mutex::new(source)), at_work: Arc::default(), in_hand: None }
    }
}

impl Source {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            name: None,
            is_on_disk: false,
            splitter: Splitter::default(),
            buffer: vec![0; READ_BYTES_MAX],
            waiting: VecDeque::new(),
            ended: false,
        }
    }

    /// The next messages; nothing at the end. Blocks.
    fn next(&mut self, messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
        while self.waiting.is_empty() && !self.ended {
            self.read()?;
        }
        if self.is_on_disk {
            self.fill(messages_max);
        }
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let cuts = self.waiting.drain(..messages_max.min(self.waiting.len()));
        Ok(Some(cuts.map(|cut| received(cut, self.name.as_deref())).collect()))
    }

    /// Reads the beginning, and refuses a file that begins as no file of events does.
    fn look(&mut self) -> io::Result<()> {
        let bytes = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if let Some(fault) = look::fault(&self.buffer[..bytes]) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
        }
        self.waiting.extend(self.splitter.push(&self.buffer[..bytes]));
        Ok(())
    }

    fn read(&mut self) -> Result<(), FeedError> {
        match self.reader.read(&mut self.buffer) {
            Ok(0) => {
                self.ended = true;
                self.waiting.extend(self.splitter.finish());
            }
            Ok(bytes) => self.waiting.extend(self.splitter.push(&self.buffer[..bytes])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FeedError::Read(error)),
        }
        Ok(())
    }

    /// Reads on for a full batch.
    fn fill(&mut self, messages_max: usize) {
        for _ in 0..BATCH_READS_MAX {
            // What can't be read is told when what came before it is stored: the next read fails, too.
            if self.ended || self.waiting.len() >= messages_max || self.read().is_err() {
                return;
            }
        }
    }
}

impl Feed for FileFeed {
    type Receipt = ();

    const NAME: &'static str = "file";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
        // Whoever asks for more is done with what it had.
        self.in_hand = None;
        let failure = {
            let mut source = self.source.lock().await;
            let in_hand = self.at_work.clone().read_owned().await;
            match busy(|| source.next(messages_max)) {
                Ok(messages) => {
                    self.in_hand = messages.is_some().then_some(in_hand);
                    return Ok(messages);
                }
                Err(error) => {
                    source.ended = true;
                    error
                }
            }
        };
        // One poller's error ends the others; what came before it in the file is to be stored first.
        drop(self.at_work.write().await);
        Err(failure)
    }

    async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
        Ok(0)
    }
}

fn received(cut: Cut, file: Option<&str>) -> Received<()> {
    Received {
        body: cut.body,
        origin: match file {
            Some(file) => format!("{file}, line {}", cut.line),
            None => format!("line {}", cut.line),
        },
        overlong_bytes: cut.overlong_bytes,
        receipt: (),
    }
}

#[cfg(test)]
mod tests;
