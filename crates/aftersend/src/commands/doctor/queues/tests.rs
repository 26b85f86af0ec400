use std::num::NonZeroUsize;

use super::*;

fn queue() -> Queue {
    let options = QueueOptions { queue_url: "https://q/1/orders".to_owned(), ..QueueOptions::default() };
    Queue { name: "orders".to_owned(), options, pollers: NonZeroUsize::MIN }
}

/// As it should be.
fn good() -> QueueFindings {
    let holds = Ok((QueueDepth::default(), Some(RETENTION_S_GOOD)));
    let dead_letters =
        DeadLetterQueue { arn: "arn:dead".to_owned(), url: "https://q/1/dead".to_owned(), holds };
    let settings = QueueSettings {
        visibility_timeout_s: Some(60),
        retention_s: Some(RETENTION_S_MIN),
        message_bytes_max: Some(MESSAGE_BYTES),
        long_poll_s: Some(0),
        delay_s: Some(0),
        encryption: Encryption::Sqs,
        is_fifo: false,
        redrive: Some(Redrive { receives_max: Some(10), dead_letters }),
    };
    QueueFindings {
        settings: Ok((settings, QueueDepth::default())),
        may_receive: Permission::Granted,
        may_delete: Permission::Granted,
        may_change_visibility: Permission::Granted,
    }
}

/// What is said of a queue with something changed about it: of each check that is not well its name and its grade, and
/// then all words.
fn said(queue: &Queue, change: impl FnOnce(&mut QueueFindings)) -> (Vec<String>, String) {
    let mut findings = good();
    change(&mut findings);
    let mut report = Report::default();
    about(queue, &findings, false, &mut report);
    let not_well =
        report.findings.iter().filter(|finding| finding.grade != super::super::report::Grade::Well);
    let checks = not_well.map(|finding| format!("{} {:?}", finding.check, finding.grade)).collect();
    let words = report
        .findings
        .iter()
        .map(|finding| format!("{} | {}\n", finding.what, finding.fix.as_deref().unwrap_or("")));
    (checks, words.collect())
}

fn settings(findings: &mut QueueFindings) -> &mut QueueSettings {
    &mut findings.settings.as_mut().unwrap().0
}

#[test]
fn a_queue_as_it_should_be_has_nothing_to_mend() {
    assert_eq!(said(&queue(), |_| {}).0, [""; 0]);
}

#[test]
fn each_setting_that_harms_is_told_with_what_mends_it() {
    type Change = fn(&mut QueueSettings);
    let cases: [(Change, &str, &str); 13] = [
        (|it| it.visibility_timeout_s = Some(5), "visibility_timeout Warning", "VisibilityTimeout=30"),
        (|it| it.visibility_timeout_s = Some(0), "visibility_timeout Warning", "ask for 30 s"),
        (|it| it.visibility_timeout_s = Some(7_200), "visibility_timeout Warning", "VisibilityTimeout=30"),
        (|it| it.redrive = None, "redrive Warning", "RedrivePolicy"),
        (|it| it.redrive.as_mut().unwrap().receives_max = Some(3), "redrive Warning", "maxReceiveCount"),
        (|it| it.redrive.as_mut().unwrap().receives_max = None, "redrive Unknown", "can't be read"),
        (|it| it.retention_s = Some(3_600), "retention Warning", "MessageRetentionPeriod=1209600"),
        (|it| it.message_bytes_max = Some(1_024), "message_size Warning", "MaximumMessageSize=262144"),
        (|it| it.delay_s = Some(90), "delay Warning", "DelaySeconds=0"),
        (|it| it.is_fifo = true, "fifo Warning", "standard queue"),
        (|it| it.encryption = Encryption::Kms("alias/own".to_owned()), "encryption Unknown", "kms:Decrypt"),
        (
            |it| it.encryption = Encryption::Kms("alias/aws/sqs".to_owned()),
            "encryption Warning",
            "SqsManagedSseEnabled",
        ),
        (
            |it| {
                it.redrive.as_mut().unwrap().dead_letters.holds =
                    Ok((QueueDepth { waiting: 2, ..QueueDepth::default() }, Some(RETENTION_S_GOOD)));
            },
            "dead_letters Warning",
            "2 messages wait in the dead-letter queue | see what was wrong by then, and take them in: aftersend ingest sqs --drain --queue-url https://q/1/dead",
        ),
    ];
    for (change, check, words) in cases {
        let (checks, said) = said(&queue(), |findings| change(settings(findings)));
        assert_eq!(checks, [check]);
        assert!(said.contains(words), "{words} is not in {said}");
    }
    // What is configured here holds in place of the queue's own.
    let mut configured = queue();
    configured.options.visibility_timeout_s = Some(10);
    let (checks, said) = said(&configured, |_| {});
    assert_eq!(checks, ["visibility_timeout Warning"]);
    assert!(said.contains("[[queue]]"), "{said}");
}

#[test]
fn a_permission_that_is_missing_is_wrong_where_nothing_works_without_it() {
    let denied = || Permission::Denied("refused".to_owned());
    let unproven = || Permission::Unproven("nobody knows".to_owned());
    let refusal = |is_denied| QueueRefusal { sentence: "refused".to_owned(), is_denied };
    let check = |change: &dyn Fn(&mut QueueFindings), checks: &[&str], words: &str| {
        let (found, said) = said(&queue(), |findings| change(findings));
        assert_eq!(found, checks);
        assert!(said.contains(words), "{words} is not in {said}");
    };
    check(&|it| it.may_receive = denied(), &["permission_receive Wrong"], "grant sqs:ReceiveMessage");
    check(&|it| it.may_receive = unproven(), &["permission_receive Unknown"], "doctor --receive");
    check(&|it| it.may_delete = denied(), &["permission_delete Wrong"], "grant sqs:DeleteMessage");
    let visibility = &["permission_change_visibility Warning"];
    check(&|it| it.may_change_visibility = denied(), visibility, "grant sqs:ChangeMessageVisibility");
    let attributes = &["permission_get_attributes Warning"];
    check(&|it| it.settings = Err(refusal(true)), attributes, "grant sqs:GetQueueAttributes");
    let dead_letters = |it: &mut QueueFindings, is_denied| {
        settings(it).redrive.as_mut().unwrap().dead_letters.holds = Err(refusal(is_denied));
    };
    check(
        &|it| dead_letters(it, true),
        &["dead_letters Unknown"],
        "grant sqs:GetQueueAttributes on arn:dead",
    );
    check(&|it| dead_letters(it, false), &["dead_letters Wrong"], "refused");
}
