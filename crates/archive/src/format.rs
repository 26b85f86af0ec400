//! What an object looks like: lines of JSON, compressed, and beside them a manifest that says what they are.
//!
//! An object has two parts. `NAME.ndjson.zst` is a zstd frame of lines: the first says format, kind and the step of the
//! schema that the rows are of, each other is a mail with all that belongs to it, or a late event. `NAME.json` is the
//! manifest: counts, the range of time and checksums. It is written last, when what is there was read back: lines without a
//! manifest count for nothing.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
};

use aftersend_store::{LateEvent, MailLine, ObjectFacts, ObjectKind, RestoredMail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The number of this format. A reader refuses what is newer.
pub const FORMAT: u32 = 1;

/// The ending of the lines' name.
pub(crate) const LINES_ENDING: &str = ".ndjson.zst";

/// The ending of the manifest's name.
pub(crate) const MANIFEST_ENDING: &str = ".json";

/// How hard zstd tries: on mails twice as fast as 12, and within 3 % of it.
const COMPRESSION_LEVEL: i32 = 9;

/// Bytes of a line at most: a body of 40 MB of which each byte takes six, and as much again for headers.
const LINE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    aftersend_archive: u32,
    kind: String,
    schema_step: String,
}

/// What the lines of an object are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub aftersend_archive: u32,
    /// `mails` or `late`.
    pub kind: String,
    /// The name, without its ending.
    pub name: String,
    /// The step of the schema that the rows are of.
    pub schema_step: String,
    /// When it was begun, by the clock of the database's server.
    pub written_at: Timestamp,
    /// Mails, or mails of which it has late events.
    pub mails: u64,
    /// Events, folded ones included.
    pub events: u64,
    /// Bytes of the lines, compressed.
    pub bytes: u64,
    /// Bytes of the lines.
    pub content_bytes: u64,
    /// SHA-256 of the lines, compressed, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the lines.
    pub content_sha256: String,
    /// When the first and the last of the mails were sent.
    pub first_sent_at: Option<Timestamp>,
    /// As above.
    pub last_sent_at: Option<Timestamp>,
}

impl Manifest {
    /// Reads a manifest.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("its manifest can't be read: {error}"))?;
        if manifest.aftersend_archive > FORMAT {
            let format = manifest.aftersend_archive;
            return Err(format!("it has format {format}, and this program knows {FORMAT}; use a newer one"));
        }
        Ok(manifest)
    }

    pub(crate) fn kind(&self) -> Result<ObjectKind, String> {
        ObjectKind::from_name(&self.kind).ok_or_else(|| format!("its kind `{}` is not known", self.kind))
    }

    /// The same for the database.
    pub(crate) fn facts(&self) -> ObjectFacts {
        ObjectFacts {
            mails: self.mails,
            events: self.events,
            bytes: self.bytes,
            content_bytes: self.content_bytes,
            sha256: unhex(&self.sha256).unwrap_or_default(),
            first_sent_at: self.first_sent_at,
            last_sent_at: self.last_sent_at,
        }
    }
}

/// A mail's line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MailPart<'a> {
    pub(crate) uuid: Uuid,
    pub(crate) digest: String,
    pub(crate) occurrences: u64,
    pub(crate) body: Option<String>,
    #[serde(borrow)]
    pub(crate) mail: &'a RawValue,
    #[serde(borrow)]
    pub(crate) events: &'a RawValue,
    #[serde(borrow)]
    pub(crate) folded: &'a RawValue,
    #[serde(borrow)]
    pub(crate) recipients: &'a RawValue,
    #[serde(borrow)]
    pub(crate) ids: &'a RawValue,
    #[serde(borrow)]
    pub(crate) removed: &'a RawValue,
}

/// The ids in a mail's row.
#[derive(Deserialize)]
pub(crate) struct OwnIds {
    pub(crate) message_id: String,
    pub(crate) aws_message_id: Option<String>,
}

/// An id beside a mail's row.
#[derive(Deserialize)]
struct Beside {
    aws_message_id: String,
}

impl MailPart<'_> {
    /// The same for the database, by the number of its object there.
    pub(crate) fn restored<'a>(&'a self, object: i64, digest: &'a [u8]) -> RestoredMail<'a> {
        RestoredMail {
            object,
            uuid: self.uuid,
            digest,
            mail: self.mail.get(),
            events: self.events.get(),
            folded: self.folded.get(),
            recipients: self.recipients.get(),
            ids: self.ids.get(),
            removed: self.removed.get(),
            body: self.body.as_deref(),
        }
    }

    /// The ids in its row.
    pub(crate) fn own_ids(&self) -> Result<OwnIds, serde_json::Error> {
        serde_json::from_str(self.mail.get())
    }

    /// All its SES ids.
    pub(crate) fn aws_message_ids(&self) -> Result<BTreeSet<String>, serde_json::Error> {
        let beside: Vec<Beside> = serde_json::from_str(self.ids.get())?;
        let beside = beside.into_iter().map(|beside| beside.aws_message_id);
        Ok(beside.chain(self.own_ids()?.aws_message_id).collect())
    }
}

/// A late event's line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LatePart<'a> {
    pub(crate) mail: Uuid,
    pub(crate) record: Uuid,
    pub(crate) fingerprint: Uuid,
    pub(crate) aws_message_id: String,
    pub(crate) received_at: Timestamp,
    #[serde(borrow)]
    pub(crate) event: &'a RawValue,
}

impl LatePart<'_> {
    pub(crate) fn to_event(&self) -> LateEvent {
        LateEvent {
            mail: self.mail,
            record: self.record,
            fingerprint: self.fingerprint,
            aws_message_id: self.aws_message_id.clone(),
            event_data: self.event.get().to_owned(),
            received_at: self.received_at,
        }
    }
}

/// Lines on their way into an object.
pub(crate) struct Lines {
    encoder: zstd::stream::write::Encoder<'static, Vec<u8>>,
    hash: Sha256,
    kind: ObjectKind,
    schema_step: String,
    pub(crate) mails: u64,
    pub(crate) events: u64,
    pub(crate) content_bytes: u64,
    first_sent_at: Option<Timestamp>,
    last_sent_at: Option<Timestamp>,
}

impl Lines {
    pub(crate) fn new(kind: ObjectKind, schema_step: &str) -> std::io::Result<Self> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        let mut lines = Self {
            encoder,
            hash: Sha256::new(),
            kind,
            schema_step: schema_step.to_owned(),
            mails: 0,
            events: 0,
            content_bytes: 0,
            first_sent_at: None,
            last_sent_at: None,
        };
        let header = Header {
            aftersend_archive: FORMAT,
            kind: kind.name().to_owned(),
            schema_step: schema_step.to_owned(),
        };
        lines.push(&header)?;
        Ok(lines)
    }

    pub(crate) fn push_mail(&mut self, line: &MailLine) -> std::io::Result<()> {
        let part = MailPart {
            uuid: line.uuid,
            digest: hex(&line.digest),
            occurrences: u64::from(line.occurrences),
            body: line.body.clone(),
            mail: raw(&line.mail)?,
            events: raw(&line.events)?,
            folded: raw(&line.folded)?,
            recipients: raw(&line.recipients)?,
            ids: raw(&line.ids)?,
            removed: raw(&line.removed)?,
        };
        self.push(&part)?;
        self.mails += 1;
        self.events += u64::from(line.occurrences);
        let sent_at = Some(line.sent_at);
        self.first_sent_at = self.first_sent_at.min(sent_at).or(sent_at);
        self.last_sent_at = self.last_sent_at.max(sent_at);
        Ok(())
    }

    /// `is_new_mail`: whether it is the first of its mail here.
    pub(crate) fn push_late(&mut self, late: &LateEvent, is_new_mail: bool) -> std::io::Result<()> {
        let part = LatePart {
            mail: late.mail,
            record: late.record,
            fingerprint: late.fingerprint,
            aws_message_id: late.aws_message_id.clone(),
            received_at: late.received_at,
            event: raw(&late.event_data)?,
        };
        self.push(&part)?;
        self.mails += u64::from(is_new_mail);
        self.events += 1;
        Ok(())
    }

    fn push(&mut self, part: &impl Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(part)?;
        // A column of type json keeps line breaks between its tokens; within strings JSON has none.
        for byte in &mut line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        line.push(b'\n');
        self.hash.update(&line);
        self.content_bytes += line.len() as u64;
        self.encoder.write_all(&line)
    }

    /// The compressed lines, and the manifest that says what they are.
    pub(crate) fn finish(self, name: &str, written_at: Timestamp) -> std::io::Result<(Vec<u8>, Manifest)> {
        let bytes = self.encoder.finish()?;
        let manifest = Manifest {
            aftersend_archive: FORMAT,
            kind: self.kind.name().to_owned(),
            name: name.to_owned(),
            schema_step: self.schema_step,
            written_at,
            mails: self.mails,
            events: self.events,
            bytes: bytes.len() as u64,
            content_bytes: self.content_bytes,
            sha256: hex(&Sha256::digest(&bytes)),
            content_sha256: hex(&self.hash.finalize()),
            first_sent_at: self.first_sent_at,
            last_sent_at: self.last_sent_at,
        };
        Ok((bytes, manifest))
    }
}

/// Checks that these bytes are what the manifest says, whole, line by line, and hands out each line.
pub(crate) fn read_lines(
    bytes: &[u8],
    manifest: &Manifest,
    mut each: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    if bytes.len() as u64 != manifest.bytes {
        return Err(format!("it has {} bytes, and its manifest says {}", bytes.len(), manifest.bytes));
    }
    if hex(&Sha256::digest(bytes)) != manifest.sha256 {
        return Err("its checksum is not that of its manifest".to_owned());
    }
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(|error| format!("zstd: {error}"))?;
    let mut lines = BufReader::new(decoder);
    let mut hash = Sha256::new();
    let (mut content_bytes, mut number, mut counts) = (0_u64, 0_u64, (0, 0));
    let mut line: Vec<u8> = Vec::new();
    let mut last_mail = None;
    loop {
        line.clear();
        let length = (&mut lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("zstd: {error}"))?;
        if length == 0 {
            break;
        }
        number += 1;
        content_bytes += length as u64;
        if content_bytes > manifest.content_bytes || line.pop() != Some(b'\n') {
            return Err(format!("line {number} is not whole"));
        }
        hash.update(&line);
        hash.update(b"\n");
        let text = std::str::from_utf8(&line).map_err(|_| format!("line {number} is no text"))?;
        if number == 1 {
            let header: Header = serde_json::from_str(text)
                .map_err(|error| format!("its first line is none of ours: {error}"))?;
            if header.aftersend_archive != manifest.aftersend_archive || header.kind != manifest.kind {
                return Err("its first line and its manifest are of two objects".to_owned());
            }
            continue;
        }
        count(text, manifest, &mut counts, &mut last_mail)
            .map_err(|error| format!("line {number}: {error}"))?;
        each(text)?;
    }
    if content_bytes != manifest.content_bytes || hex(&hash.finalize()) != manifest.content_sha256 {
        return Err("decompressed, it is not what its manifest says".to_owned());
    }
    if counts != (manifest.mails, manifest.events) {
        let (mails, events) = counts;
        let (of_mails, of_events) = (manifest.mails, manifest.events);
        return Err(format!(
            "it has {mails} mails and {events} events, and its manifest says {of_mails} and {of_events}"
        ));
    }
    Ok(())
}

fn count(
    text: &str,
    manifest: &Manifest,
    counts: &mut (u64, u64),
    last_mail: &mut Option<Uuid>,
) -> Result<(), serde_json::Error> {
    if manifest.kind == ObjectKind::Late.name() {
        let part: LatePart<'_> = serde_json::from_str(text)?;
        counts.0 += u64::from(*last_mail != Some(part.mail));
        counts.1 += 1;
        *last_mail = Some(part.mail);
    } else {
        let part: MailPart<'_> = serde_json::from_str(text)?;
        counts.0 += 1;
        let events: Vec<serde::de::IgnoredAny> = serde_json::from_str(part.events.get())?;
        let folded: Vec<serde::de::IgnoredAny> = serde_json::from_str(part.folded.get())?;
        counts.1 += (events.len() + folded.len()) as u64;
    }
    Ok(())
}

fn raw(words: &str) -> std::io::Result<&RawValue> {
    Ok(serde_json::from_str(words)?)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?);
    bytes.chunks(2).map(pair).collect()
}
