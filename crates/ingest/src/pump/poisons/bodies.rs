//! Bodies that some program of this kind could not hold, against a real database.

use aftersend_event::limits;

use super::*;

/// Text that hardly compresses.
fn noise(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

fn with_field(id: &str, field: &str) -> String {
    delivery(id).replacen('{', &format!("{{{field},"), 1)
}

fn click(id: &str, link: &str, user_agent: &str) -> String {
    let object = format!(r#""click":{{"link":"{link}","userAgent":"{user_agent}","#);
    delivery(id).replace("Delivery", "Click").replace(r#""delivery":{"#, &object)
}

fn to_recipients(id: &str, count: usize) -> String {
    let list: Vec<String> = (0..count).map(|number| format!("\"r{number}@example.com\"")).collect();
    delivery(id).replace(r#"["a@example.com"]"#, &format!("[{}]", list.join(",")))
}

fn filled_up(id: &str, bytes: usize) -> String {
    let short = with_field(id, r#""filling":"""#);
    let filling = noise(bytes - short.len());
    with_field(id, &format!(r#""filling":"{filling}""#))
}

fn nested(depth: usize) -> String {
    format!(r#""nested":{}{}"#, "[".repeat(depth), "]".repeat(depth))
}

/// What must be stored, for all its oddness.
fn odd_ones() -> Vec<Vec<u8>> {
    [
        click("long link", &format!("https://example.com/{}", noise(50_000)), "x"),
        click("long agent", "https://example.com/", &noise(100_000)),
        with_field("escaped nul", r#""odd\u0000key":"a\u0000b""#),
        with_field("lone surrogates", r#""odd":"\ud83d \ude00 \udfff\ud800""#),
        with_field("large exponent", r#""odd":[1e9999,-1E-9999,1.5e+0300]"#),
        with_field("long number", &format!(r#""odd":{}"#, "9".repeat(limits::NUMBER_BYTES_MAX))),
        with_field("deep", &nested(limits::JSON_DEPTH_MAX - 1)),
        with_field("same key twice", r#""odd":1,"odd":2"#),
        filled_up("as large as may be", limits::MESSAGE_BYTES_MAX),
        to_recipients("many recipients", limits::RECIPIENTS_MAX),
        delivery("nul in an address").replace("a@example.com", r"a\u0000@example.com"),
        delivery("first year").replace("2026-09-01T10:00:05", "0001-01-01T00:00:00"),
        delivery("last year").replace("2026-09-01T10:00:05", "9999-12-30T00:00:00"),
        format!("\u{feff} {} \r\n", delivery("byte order mark")),
    ]
    .map(String::into_bytes)
    .into()
}

/// What can't be read, with a part of the reason.
fn unreadable_ones() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: String, reason| (text.into_bytes(), reason);
    vec![
        (b"\x00\x01\x02\xff\xfe binary".to_vec(), "UTF-8"),
        ([with_field("no utf-8", r#""odd":""#).as_bytes(), b"\xc3\x28\"}"].concat(), "UTF-8"),
        ([delivery("cut in a character").as_bytes(), b"\xe2\x82"].concat(), "UTF-8"),
        (b"\xff\xfe{\x00}\x00".to_vec(), "UTF-8"),
        (Vec::new(), "nothing but space"),
        text(with_field("raw nul", "\"odd\":\"a\0b\""), "JSON"),
        text(format!("{}\0", delivery("nul behind")), "JSON"),
        text(with_field("exponent", r#""odd":1e10000"#), "EXPONENT_DIGITS_MAX"),
        text(with_field("number", &format!(r#""odd":{}"#, "9".repeat(1_001))), "NUMBER_BYTES_MAX"),
        text(with_field("deep", &nested(limits::JSON_DEPTH_MAX)), "JSON_DEPTH_MAX"),
        text(with_field("abyss", &nested(200_000)), "JSON_DEPTH_MAX"),
        text(with_field("unclosed", &format!(r#""nested":{}"#, "[".repeat(200_000))), "JSON"),
        text(filled_up("too large", limits::MESSAGE_BYTES_MAX + 1), "MESSAGE_BYTES_MAX"),
        text(to_recipients("too many recipients", 10_000), "RECIPIENTS_MAX"),
        text(delivery(&noise(limits::MESSAGE_ID_CHARS_MAX + 1)), "MESSAGE_ID_CHARS_MAX"),
        text(delivery("no time").replace("2026-09-01T10:00:05.000Z", "yesterday"), "timestamp"),
        text(delivery("no such day").replace("2026-09-01T10:00:05", "2026-02-30T10:00:05"), "timestamp"),
        text(delivery("cut off")[..200].to_owned(), "JSON"),
    ]
}

/// What PostgreSQL refuses, since an application has its own ideas of the tables; with a part of the reason.
fn refused_ones() -> Vec<(Vec<u8>, &'static str)> {
    [
        (
            click("indexed", "https://example.com/", &noise(9_000)).replacen('{', r#"{"indexed":1,"#, 1),
            "(54000)",
        ),
        (with_field("unwanted", r#""poison":"check""#), "(23514)"),
        (
            with_field("triggered", r#""poison":"raise""#),
            "a trigger or function of the database refuses it (P0001)",
        ),
        (with_field("out of range", r#""poison":"99999999999""#), "(22003)"),
    ]
    .map(|(text, reason)| (text.into_bytes(), reason))
    .into()
}

async fn with_ideas_of_its_own(ground: &Ground) {
    ground
        .execute(
            "ALTER TABLE {p}.phoenix_kit_email_events ADD CHECK (event_data->>'poison' <> 'check'); \
             CREATE INDEX ON {p}.phoenix_kit_email_events (user_agent) WHERE event_data ? 'indexed'; \
             CREATE FUNCTION {p}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF NEW.event_data->>'poison' = 'raise' THEN RAISE 'not for a@example.com'; END IF; \
                 IF NEW.event_data->>'poison' ~ '^9' THEN PERFORM (NEW.event_data->>'poison')::bigint::int; END IF; \
                 RETURN NEW; END $$; \
             CREATE TRIGGER look BEFORE INSERT ON {p}.phoenix_kit_email_events \
                 FOR EACH ROW EXECUTE FUNCTION {p}.look()",
        )
        .await;
}

#[tokio::test]
async fn no_body_harms_its_neighbours_or_is_lost() {
    let ground = Ground::new().await;
    with_ideas_of_its_own(&ground).await;
    let bad: Vec<(Vec<u8>, &str)> = unreadable_ones().into_iter().chain(refused_ones()).collect();
    let odd = odd_ones();
    let mut messages: Vec<Received<usize>> = Vec::new();
    let mut fine = 0;
    // Each among others.
    for body in bad.iter().map(|(body, _)| body).chain(&odd) {
        for _ in 0..7 {
            messages.push(message(messages.len(), delivery(&format!("fine {fine}"))));
            fine += 1;
        }
        messages.push(message(messages.len(), body.clone()));
    }
    assert!(messages.len() <= 500, "{}", messages.len());
    let counting = Counting::new(&ground);
    let run = pump(&counting, &messages).await;
    run.result.unwrap();
    let stored = fine + odd.len();
    let expected = Tally { received: messages.len(), stored, quarantined: bad.len(), ..Tally::default() };
    let said =
        ground.texts("SELECT left(encode(body, 'escape'), 40) || reason FROM {p}.aftersend_quarantine").await;
    assert_eq!(run.tally, expected, "{said:#?}");
    assert_eq!(run.acknowledged, (0..messages.len()).collect::<Vec<_>>());
    let bound = 2 + refused_ones().len() * (1 + 2 * halvings(messages.len()));
    assert!(counting.transactions() <= bound, "{}", counting.transactions());
    assert_eq!(ground.event_count().await, stored as u64);
    let find = ground.sql("SELECT reason, body FROM {p}.aftersend_quarantine WHERE body_sha256 = sha256($1)");
    for (body, reason) in &bad {
        let row = ground.client.query_one(&find, &[body]).await.unwrap();
        let said: String = row.get(0);
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(!said.contains('@'), "{said}");
        assert_eq!(&row.get::<_, Vec<u8>>(1), body, "{reason}: byte for byte");
    }
    assert_eq!(ground.quarantined().await.len(), bad.len());

    // All of it again: nothing is new, and nothing is harmed.
    let run = pump(&counting, &messages).await;
    run.result.unwrap();
    let expected =
        Tally { received: messages.len(), repeated: stored, quarantined: bad.len(), ..Tally::default() };
    assert_eq!(run.tally, expected);
}

#[tokio::test]
async fn one_refused_event_of_500_costs_twenty_transactions() {
    let ground = Ground::new().await;
    with_ideas_of_its_own(&ground).await;
    for (place, (body, _)) in [0, 250, 333, 499].into_iter().zip(refused_ones()) {
        let mut messages: Vec<Received<usize>> =
            (0..500).map(|number| message(number, delivery(&format!("{place}-{number}")))).collect();
        messages[place].body = body;
        let counting = Counting::new(&ground);
        let run = pump(&counting, &messages).await;
        run.result.unwrap();
        assert_eq!(run.tally, Tally { received: 500, stored: 499, quarantined: 1, ..Tally::default() });
        assert!(counting.transactions() <= 20, "{place}: {}", counting.transactions());
    }
}

#[tokio::test]
async fn a_column_that_nobody_told_us_of_stops_everything_and_blames_no_event() {
    let ground = Ground::new().await;
    ground.execute("ALTER TABLE {p}.phoenix_kit_email_events ADD tenant int NOT NULL").await;
    let counting = Counting::new(&ground);
    let run = pump(&counting, &deliveries(50)).await;
    let error = run.result.unwrap_err();
    assert!(
        matches!(&error, PumpError::Store(IngestError::Schema(reason)) if reason.contains("tenant")),
        "{error:?}"
    );
    assert_eq!(counting.transactions(), 1);
    assert!(run.acknowledged.is_empty() && run.refused.is_empty());
    assert_eq!(ground.quarantined().await.len(), 0);
}
