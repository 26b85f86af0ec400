//! Running the program.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use aftersend_testkit::{
    Database,
    database::{Client, TestSchema},
};

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Expects success, and gives standard output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Expects that exit code, and gives standard error.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }

    /// Expects success and a last line of JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let stdout = self.ok();
        serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
    }
}

/// The program, without anything of the surroundings that could lead it to another database or queue.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftersend"));
    for (variable, _) in std::env::vars_os() {
        let is_ours = variable.to_str().is_some_and(|name| {
            name == "DATABASE_URL" || name.starts_with("AWS_") || name.starts_with("AFTERSEND_")
        });
        // Where the embedded server's programs are is no setting of the tests'.
        if is_ours && variable != "AFTERSEND_POSTGRES_BIN" {
            command.env_remove(variable);
        }
    }
    // Nor a file that somebody has at home.
    command.env("AFTERSEND_CONFIG", "/dev/null").stdin(Stdio::null());
    command
}

pub(crate) fn ended(output: Output) -> Run {
    Run {
        code: output.status.code().expect("the program was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the program with these arguments and no database.
pub(crate) fn run(arguments: &[&str]) -> Run {
    ended(program().args(arguments).output().unwrap())
}

/// A schema of the test's own, and the program pointed at it.
pub(crate) struct Setup {
    pub(crate) schema: TestSchema,
}

impl Setup {
    /// A schema without tables.
    pub(crate) async fn empty() -> Self {
        Self { schema: Database::get().await.fresh_schema() }
    }

    /// A schema that is up to date.
    pub(crate) async fn migrated() -> Self {
        let setup = Self::empty().await;
        setup.run(&["migrate", "up"]).ok();
        setup
    }

    pub(crate) fn program(&self) -> Command {
        let mut command = program();
        command
            .env("AFTERSEND_DATABASE_URL", self.schema.url())
            .env("AFTERSEND_PREFIX", self.schema.prefix());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        ended(self.program().args(arguments).output().unwrap())
    }

    pub(crate) async fn client(&self) -> Client {
        self.schema.client().await
    }

    /// Every row that events make, as text, without what may differ between runs: keys of our own and the
    /// times at which rows were written.
    pub(crate) async fn content(&self) -> Vec<String> {
        let prefix = self.schema.prefix();
        let statement = format!(
            r#"SELECT row FROM (
                SELECT 'mail ' || (to_jsonb(mail) - '{{uuid,inserted_at,updated_at}}'::text[])::text
                FROM "{prefix}".phoenix_kit_email_logs AS mail
                UNION ALL
                SELECT 'occurrence ' || mail.aws_message_id || jsonb_build_array(
                    event_type, occurred_at, fingerprint, subtype, bot_verdict, link_url)::text
                FROM (
                    SELECT email_log_uuid, event_type, occurred_at, aftersend_fingerprint AS fingerprint,
                           aftersend_subtype AS subtype, aftersend_bot_verdict AS bot_verdict, link_url
                    FROM "{prefix}".phoenix_kit_email_events
                    UNION ALL
                    SELECT email_log_uuid, event_type, occurred_at, fingerprint, subtype, bot_verdict, link_url
                    FROM "{prefix}".aftersend_folded_events
                ) AS event
                JOIN "{prefix}".phoenix_kit_email_logs AS mail ON mail.uuid = event.email_log_uuid
                UNION ALL
                SELECT 'recipient ' || mail.aws_message_id || (to_jsonb(recipient) - 'email_log_uuid')::text
                FROM "{prefix}".aftersend_recipients AS recipient
                JOIN "{prefix}".phoenix_kit_email_logs AS mail ON mail.uuid = recipient.email_log_uuid
                UNION ALL
                SELECT 'block ' || email || reason FROM "{prefix}".phoenix_kit_email_blocklist
                UNION ALL
                SELECT 'quarantine ' || encode(body_sha256, 'hex') FROM "{prefix}".aftersend_quarantine
            ) AS rows (row) ORDER BY row COLLATE "C""#
        );
        self.client().await.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// A folder that the unprivileged user of the embedded server may enter, too.
pub(crate) fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("aft").tempdir_in("/tmp").unwrap();
    open(folder.path());
    folder
}

fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
