//! JSON documents from a file or from standard input, whatever they say.

use std::{
    io::{self, Read},
    path::Path,
};

use crate::{
    busy::busy,
    split::{Cut, Splitter},
};

/// Bytes asked for at once.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// A document as it stood in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDocument {
    /// The line it begins in; the first is 1.
    pub line: u64,
    /// Its bytes; of one that is too long, the first of them.
    pub body: Vec<u8>,
    /// How long it is, if it is too long.
    pub overlong_bytes: Option<u64>,
}

impl From<Cut> for FoundDocument {
    fn from(Cut { line, body, overlong_bytes }: Cut) -> Self {
        Self { line, body, overlong_bytes }
    }
}

/// Cuts a stream into JSON documents, one to a line, one over many lines, or in a list. One that is broken ends where the
/// next one plainly begins.
pub struct Documents {
    reader: Box<dyn Read + Send>,
    splitter: Splitter,
    buffer: Vec<u8>,
    has_ended: bool,
}

impl Documents {
    /// Opens a file; `-` is standard input. Of a document longer than `document_bytes_max`, no more is kept.
    ///
    /// # Errors
    ///
    /// What the system says of the file.
    pub fn open(path: &Path, document_bytes_max: usize) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::new(Box::new(io::stdin()), document_bytes_max));
        }
        let file = std::fs::File::open(path)?;
        // A folder opens, and fails only when it is read.
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file in it"));
        }
        Ok(Self::new(Box::new(file), document_bytes_max))
    }

    /// Reads from anything.
    pub fn new(reader: Box<dyn Read + Send>, document_bytes_max: usize) -> Self {
        let splitter = Splitter::with_limit(document_bytes_max);
        Self { reader, splitter, buffer: vec![0; READ_BYTES_MAX], has_ended: false }
    }

    /// The next documents: all that have come to their end, at least one; nothing at the stream's end. What has come does
    /// not wait for what has not. Blocks while nothing comes.
    ///
    /// # Errors
    ///
    /// What the system says of the stream.
    pub fn next_documents(&mut self) -> io::Result<Option<Vec<FoundDocument>>> {
        let cuts = busy(|| self.next_cuts())?;
        Ok(cuts.map(|cuts| cuts.into_iter().map(FoundDocument::from).collect()))
    }

    fn next_cuts(&mut self) -> io::Result<Option<Vec<Cut>>> {
        while !self.has_ended {
            let cuts = match self.reader.read(&mut self.buffer) {
                Ok(0) => {
                    self.has_ended = true;
                    self.splitter.finish()
                }
                Ok(bytes) => self.splitter.push(&self.buffer[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if !cuts.is_empty() {
                return Ok(Some(cuts));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_as_they_are_complete() {
        let pretty = "{\n  \"a\": 1\n}\n{\"b\": 2}\n{\"c\": \"";
        let stream = [pretty.as_bytes(), &[b'x'; 50], b"\"}\nnonsense\n"].concat();
        let mut documents = Documents::new(Box::new(io::Cursor::new(stream)), 40);
        let found = documents.next_documents().unwrap().unwrap();
        let told: Vec<(u64, usize, Option<u64>)> =
            found.iter().map(|found| (found.line, found.body.len(), found.overlong_bytes)).collect();
        assert_eq!(told, [(1, 12, None), (4, 8, None), (5, 40, Some(59)), (6, 8, None)]);
        assert_eq!(documents.next_documents().unwrap(), None);
    }
}
