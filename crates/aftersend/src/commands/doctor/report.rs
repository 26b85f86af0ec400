//! What was found, in order, for people and for machines.

use serde_json::json;

use crate::output::{Output, plain};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Well,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work, or loses something.
    Wrong,
    /// It could not be found out.
    Unknown,
}

impl Grade {
    const ALL: [Self; 4] = [Self::Well, Self::Warning, Self::Wrong, Self::Unknown];

    /// For machines.
    fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }

    /// For people, in a column.
    fn word(self) -> &'static str {
        match self {
            Self::Unknown => "can't tell",
            graded => graded.name(),
        }
    }
}

/// The width of the longest word of a grade.
const WORD_CHARS_MAX: usize = 10;

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Finding {
    /// What it is a part of: `database`, `queue ses-events`.
    pub(super) subject: String,
    /// What was looked at, for machines: the same from version to version.
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    /// A sentence without a full stop, and without an address, a subject or a secret.
    pub(super) what: String,
    /// A command, a statement or a setting that mends it.
    pub(super) fix: Option<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    subject: String,
}

impl Report {
    /// What the next findings are about.
    pub(super) fn begin(&mut self, subject: impl Into<String>) {
        self.subject = subject.into();
    }

    fn add(&mut self, check: &'static str, grade: Grade, what: impl Into<String>, fix: Option<String>) {
        let (subject, what) = (self.subject.clone(), what.into());
        self.findings.push(Finding { subject, check, grade, what, fix });
    }

    pub(super) fn well(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Grade::Well, what, None);
    }

    pub(super) fn warn(&mut self, check: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Grade::Warning, what, Some(fix.into()));
    }

    /// Something to look at whose sentence says by itself what to do.
    pub(super) fn note(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Grade::Warning, what, None);
    }

    pub(super) fn wrong(&mut self, check: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Grade::Wrong, what, Some(fix.into()));
    }

    /// Something wrong whose sentence says by itself what to do.
    pub(super) fn refused(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Grade::Wrong, what, None);
    }

    pub(super) fn unknown(&mut self, check: &'static str, what: impl Into<String>, fix: Option<String>) {
        self.add(check, Grade::Unknown, what, fix);
    }

    fn count(&self, grade: Grade) -> usize {
        self.findings.iter().filter(|finding| finding.grade == grade).count()
    }

    pub(super) fn is_anything_wrong(&self) -> bool {
        self.count(Grade::Wrong) > 0
    }

    pub(super) fn print(&self, output: Output) -> anyhow::Result<()> {
        if output.is_json() {
            return output.json(&self.as_json());
        }
        for line in self.lines() {
            output.text(line)?;
        }
        Ok(())
    }

    fn as_json(&self) -> serde_json::Value {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "subject": finding.subject,
                    "check": finding.check,
                    "grade": finding.grade.name(),
                    "what": finding.what,
                    "fix": finding.fix,
                })
            })
            .collect();
        let mut json = json!({ "findings": findings });
        for grade in Grade::ALL {
            json[grade.name()] = json!(self.count(grade));
        }
        json
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut subject = "";
        for finding in &self.findings {
            if finding.subject != subject {
                if !subject.is_empty() {
                    lines.push(String::new());
                }
                subject = &finding.subject;
                lines.push(plain(subject));
            }
            let word = finding.grade.word();
            lines.push(format!("  {word:WORD_CHARS_MAX$}  {}", plain(&finding.what)));
            if let Some(fix) = &finding.fix {
                lines.push(format!("  {:WORD_CHARS_MAX$}  -> {}", "", plain(fix)));
            }
        }
        lines.push(String::new());
        lines.push(self.summary());
        lines
    }

    fn summary(&self) -> String {
        let warnings = self.count(Grade::Warning);
        format!(
            "{} well, {warnings} warning{}, {} wrong, {} can't be told",
            self.count(Grade::Well),
            if warnings == 1 { "" } else { "s" },
            self.count(Grade::Wrong),
            self.count(Grade::Unknown)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_under_their_subjects_in_columns_with_a_summary() {
        let mut report = Report::default();
        report.begin("database");
        report.well("reachable", "it answers");
        report.wrong("rights", "it may not\u{1b}[2J write", "GRANT");
        report.begin("queue orders");
        report.warn("redrive", "no dead-letter queue", "make one");
        report.unknown("receive", "nobody knows", None);
        assert_eq!(
            report.lines(),
            [
                "database",
                "  well        it answers",
                "  wrong       it may not\u{fffd}[2J write",
                "              -> GRANT",
                "",
                "queue orders",
                "  warning     no dead-letter queue",
                "              -> make one",
                "  can't tell  nobody knows",
                "",
                "1 well, 1 warning, 1 wrong, 1 can't be told",
            ]
        );
        assert!(report.is_anything_wrong());
        let json = report.as_json();
        assert_eq!((&json["wrong"], &json["unknown"]), (&json!(1), &json!(1)));
        assert_eq!(json["findings"][3]["grade"], "unknown");
    }
}
