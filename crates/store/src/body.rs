//! The body of a mail, where an application has kept it.

use uuid::Uuid;

use crate::{QueryError, Store, sql::Statement};

/// Bytes of a body that is read at most: as much as SES lets anybody send.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const BODY_BYTES_MAX: u64 = 40 * 1024 * 1024;

/// Whether there is a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    /// None was kept.
    None,
    /// It can be read.
    Kept {
        /// Its length.
        bytes: u64,
    },
    /// An application's own archiver has compressed it, in its own way.
    CompressedElsewhere,
    /// An application's own archiver has compressed it and kept nothing.
    Discarded,
}

impl BodyState {
    fn of(bytes: Option<i64>, is_compressed: bool) -> Self {
        match (bytes, is_compressed) {
            (None, false) => Self::None,
            (None, true) => Self::Discarded,
            (Some(_), true) => Self::CompressedElsewhere,
            (Some(bytes), false) => Self::Kept { bytes: bytes.unsigned_abs() },
        }
    }
}

impl Store {
    /// Whether a mail's body was kept, without reading it.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn body_state(&self, mail: Uuid) -> Result<BodyState, QueryError> {
        let client = self.reader().await?;
        let about = client.prepare_cached(self.sql(Statement::AboutBody)).await?;
        let Some(row) = client.query_opt(&about, &[&mail]).await? else { return Ok(BodyState::None) };
        Ok(BodyState::of(row.try_get("body_bytes")?, row.try_get("body_compressed")?))
    }

    /// A mail's body, as the application wrote it; nothing where none can be read, or it is longer than
    /// [`BODY_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn read_body(&self, mail: Uuid) -> Result<Option<String>, QueryError> {
        let bytes_max = i32::try_from(BODY_BYTES_MAX).unwrap_or(i32::MAX);
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadBody)).await?;
        let Some(row) = client.query_opt(&read, &[&mail, &bytes_max]).await? else { return Ok(None) };
        let is_compressed: bool = row.try_get("body_compressed")?;
        Ok(if is_compressed { None } else { row.try_get("body")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[tokio::test]
    async fn a_body_is_read_where_it_was_kept() {
        let fixture = Fixture::adopted(std::time::Duration::from_hours(1)).await;
        for (id, body, compressed, state, read) in [
            ("pk_1", "NULL", false, BodyState::None, None),
            ("pk_2", "'<p>ä'", false, BodyState::Kept { bytes: 5 }, Some("<p>ä")),
            ("pk_3", "''", false, BodyState::Kept { bytes: 0 }, Some("")),
            ("pk_4", "'H4sIAAAA'", true, BodyState::CompressedElsewhere, None),
            ("pk_5", "NULL", true, BodyState::Discarded, None),
        ] {
            fixture.log(id).await;
            fixture
                .run(&format!(
                    r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = {body}, body_compressed = {compressed}
                       WHERE message_id = '{id}'"#
                ))
                .await;
            let find =
                format!(r#"SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE message_id = '{id}'"#);
            let row = fixture.row(&find).await;
            let uuid: Uuid = row["uuid"].as_str().unwrap().parse().unwrap();
            assert_eq!(fixture.store.body_state(uuid).await.unwrap(), state, "{id}");
            assert_eq!(fixture.store.read_body(uuid).await.unwrap().as_deref(), read, "{id}");
        }
        assert_eq!(fixture.store.body_state(Uuid::nil()).await.unwrap(), BodyState::None);
        assert_eq!(fixture.store.read_body(Uuid::nil()).await.unwrap(), None);
    }
}
