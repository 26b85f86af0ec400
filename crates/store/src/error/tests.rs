use super::*;
use crate::testing::Fixture;

/// Each code that may come, with what is to be done; the server's own list of codes is the table's order.
#[test]
fn every_code_has_its_verdict() {
    use Verdict::{Away, Blocked, Data, Repeat, Schema};
    for (codes, verdict, why) in [
        ("08000 08003 08006 08001 08004 08007 08P01", Away, "the connection, or a pooler's"),
        ("0A000", Blocked, "a feature that is missing"),
        ("21000", Data, "two rows of the batch where one may be: a smaller batch does"),
        ("22000 22001 22003 22008 22012 22021 22023 22P02 22P03 22P05 2200N 22030 22032", Data, "values"),
        ("23502", Schema, "a column that we do not know must have a value"),
        ("23503", Repeat, "a mail that was deleted meanwhile"),
        ("23000 23001 23505 23514 23P01", Data, "constraints"),
        ("25006", Blocked, "a standby"),
        ("25P02 25001", Blocked, "a fault of ours"),
        ("25P03 25P04", Repeat, "a session that was ended in its transaction"),
        ("26000 42P05", Blocked, "a pooler that gives transactions other sessions"),
        ("28000 28P01 3D000", Blocked, "no way in"),
        ("3F000 42P01 42703 42704 42883 42P10 42804 42846 42809 428C9", Schema, "tables of another shape"),
        ("40000 40001 40002 40003 40P01", Repeat, "deadlocks, serialisation"),
        ("42501", Blocked, "rights"),
        ("42601 42P02 42P18", Blocked, "a fault of ours"),
        ("44000", Data, "an application's view"),
        ("53000 53200", Repeat, "no memory for the moment"),
        ("53300", Away, "no connection for the moment"),
        ("53100 53400", Blocked, "the disk, a configured limit"),
        ("54000 54001", Data, "a row beyond a limit"),
        ("54011 54023", Blocked, "statements beyond a limit"),
        ("55006 55P03", Repeat, "locks"),
        ("55000 55P02 55P04", Blocked, "states of the server"),
        ("57014", Repeat, "cancelled"),
        ("57P01 57P02 57P03 57P04 57P05", Away, "going down, starting"),
        ("57000", Blocked, "nothing that is known to pass"),
        ("58000 58030 58P01 58P02", Blocked, "the server's system"),
        ("F0000 HV000", Blocked, "configuration, foreign tables"),
        ("P0000 P0001 P0002 P0003 P0004", Data, "an application's trigger"),
        ("XX000 XX001 XX002", Blocked, "broken pages are for a person"),
        ("ZZ999 MY001 0", Blocked, "nothing known"),
    ] {
        for code in codes.split(' ') {
            assert_eq!(Verdict::on(&SqlState::from_code(code)), verdict, "{code}: {why}");
        }
    }
}

/// What the server itself says in such cases.
#[tokio::test]
async fn real_errors_have_their_verdicts() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"CREATE TABLE "prefix".probe (id int PRIMARY KEY, kind varchar(3) NOT NULL CHECK (kind <> 'bad'), long text,
                   generated int GENERATED ALWAYS AS (1) STORED);
               CREATE INDEX ON "prefix".probe (long);
               INSERT INTO "prefix".probe VALUES (1, 'one');
               CREATE TABLE "prefix".child (id int REFERENCES "prefix".probe (id));
               CREATE VIEW "prefix".small AS SELECT * FROM "prefix".probe WHERE id < 10 WITH CHECK OPTION;
               CREATE FUNCTION "prefix".refuse(code text) RETURNS int LANGUAGE plpgsql AS
                   $$ BEGIN RAISE 'secret@example.com' USING ERRCODE = code; END $$"#,
        )
        .await;
    let random = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n)";
    let too_long = format!(r#"INSERT INTO "prefix".probe VALUES (2, 'two', {random})"#);
    let cases = [
        (r#"INSERT INTO "prefix".probe VALUES (2, 'four')"#, "data 22001"),
        ("SELECT 2147483647 + 1", "data 22003"),
        ("SELECT '294277-01-01'::timestamptz", "data 22008"),
        (r"SELECT convert_from('\xff', 'UTF8')", "data 22021"),
        ("SELECT 'secret'::uuid", "data 22P02"),
        ("SELECT '{\"secret'::jsonb", "data 22P02"),
        (r#"SELECT '"\u0000"'::jsonb"#, "data 22P05"),
        ("SELECT '1e200000'::jsonb", "data 22003"),
        (r#"INSERT INTO "prefix".probe VALUES (2, NULL)"#, "schema 23502"),
        (r#"INSERT INTO "prefix".child VALUES (7)"#, "repeat 23503"),
        (r#"INSERT INTO "prefix".probe VALUES (1, 'two')"#, "data 23505"),
        (r#"INSERT INTO "prefix".probe VALUES (2, 'bad')"#, "data 23514"),
        (r#"INSERT INTO "prefix".small VALUES (11, 'big')"#, "data 44000"),
        (&too_long, "data 54000"),
        ("SELECT repeat('[', 1000000)::json", "data 54001"),
        (
            r#"INSERT INTO "prefix".probe SELECT 3, 'x' FROM generate_series(1, 2)
               ON CONFLICT (id) DO UPDATE SET kind = 'y'"#,
            "data 21000",
        ),
        ("BEGIN READ ONLY; CREATE TABLE forbidden ()", "blocked 25006"),
        (r#"SELECT missing FROM "prefix".probe"#, "schema 42703"),
        (r#"SELECT * FROM "prefix".missing"#, "schema 42P01"),
        (r#"INSERT INTO "prefix".probe VALUES (1, 'two') ON CONFLICT (kind) DO NOTHING"#, "schema 42P10"),
        (r#"INSERT INTO "prefix".probe (id, kind, generated) VALUES (2, 'two', 2)"#, "schema 428C9"),
        (r#"INSERT INTO "prefix".probe VALUES (now(), 'two')"#, "schema 42804"),
        ("SET statement_timeout = 10; SELECT pg_sleep(30)", "repeat 57014"),
        (r#"SET lock_timeout = 10; SELECT FROM "prefix".probe FOR UPDATE"#, "repeat 55P03"),
        ("SELECT FROM WHERE", "blocked 42601"),
        (r#"SELECT "prefix".refuse('P0001')"#, "data P0001"),
        (r#"SELECT "prefix".refuse('23514')"#, "data 23514"),
        // Whatever an application's trigger calls its refusal; but what stands in the way stays that.
        (r#"SELECT "prefix".refuse('MY001')"#, "data MY001"),
        (r#"SELECT "prefix".refuse('40001')"#, "repeat 40001"),
    ];
    let holder = fixture.schema.client().await;
    let lock = r#"BEGIN; SELECT FROM "prefix".probe FOR UPDATE"#;
    holder.batch_execute(&fixture.sql(lock)).await.unwrap();
    for (sql, expected) in cases {
        let client = fixture.schema.client().await;
        let error = client.batch_execute(&fixture.sql(sql)).await.unwrap_err();
        let code = error.code().unwrap().code().to_owned();
        let (verdict, said) = match IngestError::from(error) {
            IngestError::Repeat(said) => ("repeat", said),
            IngestError::Away(said) => ("away", said),
            IngestError::Data(said) => ("data", said),
            IngestError::Schema(said) => ("schema", said),
            IngestError::Blocked(said) => ("blocked", said),
            other => panic!("{sql}: {other:?}"),
        };
        assert_eq!(format!("{verdict} {code}"), expected, "{sql}: {said}");
        assert!(!said.contains("secret"), "{sql}: {said}");
    }
}

#[tokio::test]
async fn a_deadlock_and_a_lost_race_ask_for_the_same_again() {
    let fixture = Fixture::new().await;
    fixture.run(r#"CREATE TABLE "prefix".probe AS SELECT 1 AS id UNION SELECT 2"#).await;
    let (one, other) = (fixture.schema.client().await, fixture.schema.client().await);
    let sql = |id: i32| fixture.sql(&format!(r#"UPDATE "prefix".probe SET id = id WHERE id = {id}"#));
    one.batch_execute(&format!("BEGIN; {}", sql(1))).await.unwrap();
    other.batch_execute(&format!("BEGIN; {}", sql(2))).await.unwrap();
    let (second, first) = (sql(2), sql(1));
    let (left, right) = tokio::join!(one.batch_execute(&second), other.batch_execute(&first));
    let error = left.err().or(right.err()).expect("one of them gives way");
    assert_eq!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED));
    assert!(matches!(IngestError::from(error), IngestError::Repeat(_)));
    one.batch_execute("ROLLBACK").await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();

    one.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.unwrap();
    let look = fixture.sql(r#"SELECT FROM "prefix".probe"#);
    one.batch_execute(&look).await.unwrap();
    other.batch_execute(&sql(1)).await.unwrap();
    let error = one.batch_execute(&sql(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
    assert!(matches!(IngestError::from(error), IngestError::Repeat(_)));
}

#[tokio::test]
async fn what_the_driver_cannot_read_or_send_is_data_and_a_lost_connection_is_not() {
    let fixture = Fixture::new().await;
    let error = fixture
        .client
        .query_one("SELECT 'infinity'::timestamptz", &[])
        .await
        .and_then(|row| row.try_get::<_, jiff::Timestamp>(0))
        .unwrap_err();
    assert!(matches!(IngestError::from(error), IngestError::Data(_)));
    let error = fixture.client.query_one("SELECT $1::int", &[&"text"]).await.unwrap_err();
    assert!(matches!(IngestError::from(error), IngestError::Data(_)));

    let victim = fixture.schema.client().await;
    let own = victim.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0);
    fixture.client.execute("SELECT pg_terminate_backend($1)", &[&own]).await.unwrap();
    let error = loop {
        if let Err(error) = victim.batch_execute("SELECT pg_sleep(1)").await {
            break error;
        }
    };
    assert!(matches!(IngestError::from(error), IngestError::Away(_)));
    let error = victim.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.code(), None);
    assert!(matches!(IngestError::from(error), IngestError::Away(_)));
}
