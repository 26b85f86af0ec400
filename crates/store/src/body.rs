//! The body of a mail, where an application has kept it: as it wrote it, or compressed since.

mod codec;
mod compressor;
mod decompressor;
mod dictionary;
mod elsewhere;
mod plain;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, hash_map::Entry};

use tokio_postgres::Row;
use uuid::Uuid;

use self::{codec::Decoder, elsewhere::Elsewhere};
pub(crate) use self::{
    codec::unpack,
    compressor::tidy,
    plain::{Stored, without_dictionary},
};
pub use self::{
    compressor::{COMPRESS_AFTER_DEFAULT, CompressReport, Compressor, StoredBodies},
    decompressor::{DecompressReport, Decompressor},
};
use crate::{QueryError, Store, sql::Statement};

/// Bytes of a body that is read at most: as much as SES lets anybody send.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const BODY_BYTES_MAX: u64 = 40 * 1024 * 1024;

/// Bytes of a column that may hold such a body in base64 of gzip, which can be longer than what it packs.
pub(crate) const COLUMN_BYTES_MAX: i32 = 56 * 1024 * 1024;

/// Whether there is a body, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    /// None was kept.
    None,
    /// It stands in the mail's row, as the application wrote it.
    Kept {
        /// Its length.
        bytes: u64,
    },
    /// Compressed by this program.
    Compressed {
        /// Its own length.
        bytes: u64,
        /// What its data takes; shared with others where several mails have the same.
        stored_bytes: u64,
    },
    /// An application's own archiver has compressed it: gzip in base64, which can be read.
    CompressedElsewhere {
        /// As it stands there.
        stored_bytes: u64,
    },
    /// Marked as compressed, and no gzip in base64: it is read as it stands there.
    MarkedCompressed {
        /// As it stands there.
        bytes: u64,
    },
    /// An application's own archiver has compressed it and kept nothing.
    Discarded,
}

impl BodyState {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let bytes = |name: &str| row.try_get::<_, Option<i64>>(name);
        let stored = |name: &str| row.try_get::<_, Option<i32>>(name);
        let unsigned = |bytes: i32| u64::from(bytes.unsigned_abs());
        let beginning: Option<String> = row.try_get("beginning")?;
        Ok(match (bytes("body_bytes")?, row.try_get("body_compressed")?) {
            (Some(bytes), false) => Self::Kept { bytes: bytes.unsigned_abs() },
            (Some(bytes), true) if beginning.as_deref() == Some(elsewhere::MAGIC) => {
                Self::CompressedElsewhere { stored_bytes: bytes.unsigned_abs() }
            }
            (Some(bytes), true) => Self::MarkedCompressed { bytes: bytes.unsigned_abs() },
            (None, false) => Self::None,
            (None, true) => match (stored("stored_body_bytes")?, stored("stored_bytes")?) {
                (Some(bytes), Some(stored)) => {
                    Self::Compressed { bytes: unsigned(bytes), stored_bytes: unsigned(stored) }
                }
                _ => Self::Discarded,
            },
        })
    }
}

/// A body, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// As the application wrote it.
    Text(String),
    /// There is none.
    None,
    /// It is longer than [`BODY_BYTES_MAX`].
    TooLong,
    /// What is stored is not what was.
    Damaged(String),
}

impl Body {
    /// What a row of [`Statement::ReadBodies`] holds.
    pub(crate) fn of(row: &Row, decoders: &mut Decoders) -> Result<Self, tokio_postgres::Error> {
        let is_compressed: bool = row.try_get("body_compressed")?;
        if row.try_get("is_too_long")? {
            return Ok(Self::TooLong);
        }
        let column: Option<String> = row.try_get("body")?;
        let limit = usize::try_from(BODY_BYTES_MAX).unwrap_or(usize::MAX);
        if let Some(text) = column {
            return Ok(match is_compressed.then(|| elsewhere::read(&text)) {
                Some(Elsewhere::Text(text)) => Self::Text(text),
                Some(Elsewhere::TooLong) => Self::TooLong,
                Some(Elsewhere::Other) | None if text.len() > limit => Self::TooLong,
                Some(Elsewhere::Other) | None => Self::Text(text),
            });
        }
        let Some(digest) = row.try_get::<_, Option<i64>>("digest")? else { return Ok(Self::None) };
        let bytes = usize::try_from(row.try_get::<_, i32>("bytes")?).unwrap_or(0);
        let compressed: Vec<u8> = row.try_get("compressed")?;
        let body = match decoders.of(row)? {
            Ok(decoder) => decoder.body(&compressed, bytes.min(limit), digest),
            Err(damage) => Err(damage.clone()),
        };
        Ok(body.map_or_else(|damage| Self::Damaged(damage.to_string()), Self::Text))
    }
}

/// Dictionaries that were unpacked for a page of bodies: each comes with the first row that needs it.
#[derive(Default)]
pub(crate) struct Decoders(HashMap<i32, Result<Decoder, codec::Damage>>);

impl Decoders {
    fn of(&mut self, row: &Row) -> Result<&Result<Decoder, codec::Damage>, tokio_postgres::Error> {
        // Numbers of dictionaries begin with 1.
        let id = row.try_get::<_, Option<i32>>("dictionary_id")?.unwrap_or(0);
        if let Entry::Vacant(vacant) = self.0.entry(id) {
            let packed: Option<Vec<u8>> = row.try_get("packed")?;
            let bytes: Option<i32> = row.try_get("dictionary_bytes")?;
            let decoder = match packed.zip(bytes) {
                Some((packed, bytes)) => {
                    let dictionary = codec::unpack(&packed, usize::try_from(bytes).unwrap_or(0));
                    dictionary.map(|dictionary| Decoder::new(Some(&dictionary)))
                }
                None => Ok(Decoder::new(None)),
            };
            vacant.insert(decoder);
        }
        Ok(&self.0[&id])
    }
}

/// What rows of [`Statement::ReadBodies`] hold.
pub(crate) fn bodies_of(rows: &[Row]) -> Result<HashMap<Uuid, Body>, tokio_postgres::Error> {
    let mut decoders = Decoders::default();
    rows.iter().map(|row| Ok((row.try_get("uuid")?, Body::of(row, &mut decoders)?))).collect()
}

impl Store {
    /// Whether a mail's body was kept, and where, without reading it.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn body_state(&self, mail: Uuid) -> Result<BodyState, QueryError> {
        let client = self.reader().await?;
        let about = client.prepare_cached(self.sql(Statement::AboutBody)).await?;
        let Some(row) = client.query_opt(&about, &[&mail]).await? else { return Ok(BodyState::None) };
        Ok(BodyState::of(&row)?)
    }

    /// A mail's body, as the application wrote it, wherever and however it is kept; nothing where there is none, or it is
    /// longer than [`BODY_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// When the database does not answer, and [`QueryError::DamagedBody`] where a stored body is not the one that was stored.
    pub async fn read_body(&self, mail: Uuid) -> Result<Option<String>, QueryError> {
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadBodies)).await?;
        let rows = client.query(&read, &[&[mail].as_slice(), &COLUMN_BYTES_MAX]).await?;
        match bodies_of(&rows)?.remove(&mail) {
            Some(Body::Text(text)) => Ok(Some(text)),
            Some(Body::Damaged(reason)) => Err(QueryError::DamagedBody { mail, reason }),
            Some(Body::None | Body::TooLong) | None => Ok(None),
        }
    }
}
