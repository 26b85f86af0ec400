//! Bodies on a real database.

mod cases;
mod model;
mod races;

use std::time::Duration;

use uuid::Uuid;

use super::{CompressReport, Compressor, DecompressReport, Decompressor};
use crate::testing::Fixture;

/// Mails in these tests are old enough.
const OLDER_THAN: Duration = Duration::from_hours(1);

/// A mail to somebody, sent on a day, with a body; its uuid.
async fn log(fixture: &Fixture, to: &str, template: Option<&str>, sent_at: &str, body: Option<&str>) -> Uuid {
    let insert = fixture.sql(
        r#"INSERT INTO "prefix".phoenix_kit_email_logs
               (uuid, message_id, "to", "from", template_name, sent_at, body_full, inserted_at, updated_at)
           VALUES ($1::uuid, $1::uuid::text, $2, 'app@example.com', $3, $4::text::timestamptz, $5, '2026-01-01', '2026-01-01')"#,
    );
    let uuid = Uuid::now_v7();
    fixture.client.execute(&insert, &[&uuid, &to, &template, &sent_at, &body]).await.unwrap();
    uuid
}

/// Sets what an application would of a mail's body.
async fn write(fixture: &Fixture, mail: Uuid, body: Option<&str>, is_compressed: bool) {
    let update = fixture.sql(
        r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = $2, body_compressed = $3 WHERE uuid = $1"#,
    );
    fixture.client.execute(&update, &[&mail, &body, &is_compressed]).await.unwrap();
}

/// Rounds until it is through.
async fn compress(fixture: &Fixture) -> CompressReport {
    let mut compressor = Compressor::new(&fixture.store, OLDER_THAN);
    let mut sum = CompressReport::default();
    while !sum.is_through {
        sum += compressor.round().await.unwrap();
    }
    sum
}

async fn decompress(fixture: &Fixture) -> DecompressReport {
    let mut decompressor = Decompressor::new(&fixture.store);
    let mut sum = DecompressReport::default();
    while !sum.is_through {
        sum += decompressor.round().await.unwrap();
    }
    sum
}

/// A body of a template as applications send it: much of it the same for all, and parts of the recipient's own.
fn body(template: u64, recipient: u64) -> String {
    let mut words = fastrand::Rng::with_seed(template);
    let mut own = fastrand::Rng::with_seed(recipient.wrapping_mul(1_000_003) ^ template);
    let mut token = |length: usize| (0..length).map(|_| own.alphanumeric()).collect::<String>();
    let mut text = format!("<html><body><p>Dear {},</p>", token(9));
    for number in 0..12 {
        let sentence: String = (0..60).map(|_| words.lowercase()).collect();
        let own = token(12);
        text.extend([
            format!("<table style=\"width:600px;border:{number}px\"><tr><td>{sentence}</td></tr></table>"),
            format!("<a href=\"https://example.com/{number}?t={own}\">{number}</a>"),
        ]);
    }
    text + "</body></html>"
}
