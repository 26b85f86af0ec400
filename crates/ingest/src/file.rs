//! Events from a file or from standard input.

use std::{
    io::{self, Read},
    path::Path,
};

use crate::{
    Feed, FeedError, Received,
    split::{Cut, Splitter},
};

/// Bytes asked for at once.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// Reads that fill a batch from a file on disk at most: as much of it is in memory at once.
const BATCH_READS_MAX: usize = 8;

/// A file, or standard input: one JSON document or many, in any wrapping that `aftersend-event` reads.
///
/// Reads block, so this feed is for a program that does nothing else meanwhile. A file on disk fills whole batches; of
/// anything else, what a read brings is stored before the next one: behind a pipe that has gone quiet nothing waits.
pub struct FileFeed {
    reader: Box<dyn Read + Send>,
    /// Whether reading on never waits for anybody.
    is_on_disk: bool,
    splitter: Splitter,
    buffer: Vec<u8>,
    waiting: std::collections::VecDeque<Cut>,
    ended: bool,
}

impl FileFeed {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// What the system says of the file.
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
        Ok(Self { is_on_disk: metadata.is_file(), ..Self::new(Box::new(file)) })
    }

    /// Reads from anything.
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            is_on_disk: false,
            splitter: Splitter::default(),
            buffer: vec![0; READ_BYTES_MAX],
            waiting: std::collections::VecDeque::new(),
            ended: false,
        }
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
        Ok(Some(cuts.map(Received::from).collect()))
    }

    async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
        Ok(0)
    }
}

impl From<Cut> for Received<()> {
    fn from(cut: Cut) -> Self {
        Self {
            body: cut.body,
            origin: format!("line {}", cut.line),
            overlong_bytes: cut.overlong_bytes,
            receipt: (),
        }
    }
}

#[cfg(test)]
mod tests;
