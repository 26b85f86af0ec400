//! The queues: whether each is there, what the credentials may do, and how it is set.

use aftersend_ingest::{
    DeadLetterQueue, Encryption, Permission, QueueAction, QueueDepth, QueueFindings, QueueInspector,
    QueueOptions, QueueRefusal, QueueSettings, Redrive,
};
use tokio::task::JoinSet;

use super::report::Report;
use crate::{
    commands::migrate::text,
    config::{Queue, Settings},
};

/// Seconds below which a batch that waits for the database is extended all the time, and above which messages of a
/// poller that was killed are away for long.
const VISIBILITY_TIMEOUT_S: std::ops::RangeInclusive<u32> = 30..=3_600;

/// What to set it to: several times what a batch takes, and soon over.
const VISIBILITY_TIMEOUT_S_GOOD: u32 = 30;

/// Receives after which a message may go to the dead-letter queue: each restart and each outage costs one.
const RECEIVES_MIN: u32 = 5;

/// What to set that to.
const RECEIVES_GOOD: u32 = 10;

/// A queue that keeps messages for less than that loses events in an outage over a weekend.
const RETENTION_S_MIN: u32 = 4 * 24 * 60 * 60;

/// The longest that SQS keeps messages.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const RETENTION_S_GOOD: u32 = 14 * 24 * 60 * 60;

/// What SNS delivers at most without further ado. SES's events have some KB, and more with many recipients.
/// <https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html>
const MESSAGE_BYTES: u64 = 256 * 1024;

/// Messages that a standard queue has in flight at most; beyond it receives bring nothing.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const IN_FLIGHT_MAX: u64 = 120_000;

/// AWS's own key, whose policy nobody can change, so that SNS can't be let through.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html>
const AWS_MANAGED_KEY: &str = "alias/aws/sqs";

/// Looks at all queues at once, and tells of them in their order.
pub(super) async fn look(settings: &Settings, receive: bool, report: &mut Report) {
    let mut tasks = JoinSet::new();
    for (place, queue) in settings.queues.iter().enumerate() {
        let options = queue.options.clone();
        tasks.spawn(async move { (place, inspect(&options, receive).await) });
    }
    let mut found: Vec<Option<Result<QueueFindings, String>>> = vec![None; settings.queues.len()];
    while let Some(ended) = tasks.join_next().await {
        // One that panicked is missing below.
        if let Ok((place, findings)) = ended {
            found[place] = Some(findings);
        }
    }
    for (queue, findings) in settings.queues.iter().zip(found) {
        report.begin(format!("queue {} ({})", queue.name, queue.options.queue_url));
        match findings {
            Some(Ok(findings)) => about(queue, &findings, receive, report),
            // It says where, and what to do.
            Some(Err(refusal)) => report.refused("reachable", refusal),
            None => {
                report.unknown("reachable", "a fault of Aftersend's: the look at this queue broke off", None);
            }
        }
    }
}

async fn inspect(options: &QueueOptions, receive: bool) -> Result<QueueFindings, String> {
    let inspector = QueueInspector::open(options).await.map_err(|error| error.to_string())?;
    inspector.inspect(receive).await.map_err(|refusal| refusal.to_string())
}

fn about(queue: &Queue, findings: &QueueFindings, receive: bool, report: &mut Report) {
    report.well("reachable", "it is there, and the credentials are known");
    about_permissions(findings, receive, report);
    match &findings.settings {
        Ok((settings, depth)) => {
            about_visibility(queue, settings, report);
            about_redrive(queue, settings, report);
            about_messages(queue, settings, report);
            about_encryption(settings, receive, report);
            about_depth(depth, report);
        }
        Err(refusal) => report.warn(
            "permission_get_attributes",
            format!("its settings and its depth can't be told: {refusal}"),
            format!("grant {}", QueueAction::GetAttributes.name()),
        ),
    }
}

fn about_permissions(findings: &QueueFindings, receive: bool, report: &mut Report) {
    let action = QueueAction::Receive.name();
    match &findings.may_receive {
        Permission::Granted => report.well("permission_receive", format!("the credentials may do {action}")),
        Permission::Denied(refusal) => report.wrong("permission_receive", refusal, format!("grant {action}")),
        Permission::Unproven(reason) => {
            let fix = "`aftersend doctor --receive` receives one message and shows it again at once";
            let fix = (!receive).then(|| fix.to_owned());
            report.unknown(
                "permission_receive",
                format!("whether the credentials may do {action}: {reason}"),
                fix,
            );
        }
    }
    let action = QueueAction::Delete.name();
    match &findings.may_delete {
        Permission::Granted => report.well("permission_delete", format!("the credentials may do {action}")),
        Permission::Denied(refusal) => report.wrong("permission_delete", refusal, format!("grant {action}")),
        Permission::Unproven(reason) => {
            report.unknown("permission_delete", format!("{action}: {reason}"), None);
        }
    }
    let action = QueueAction::ChangeVisibility.name();
    match &findings.may_change_visibility {
        Permission::Granted => {
            report.well("permission_change_visibility", format!("the credentials may do {action}"));
        }
        Permission::Denied(refusal) => report.warn(
            "permission_change_visibility",
            format!("{refusal}; messages that wait for the database come to other pollers meanwhile"),
            format!("grant {action}"),
        ),
        Permission::Unproven(reason) => {
            report.unknown("permission_change_visibility", format!("{action}: {reason}"), None);
        }
    }
}

fn about_visibility(queue: &Queue, settings: &QueueSettings, report: &mut Report) {
    let (timeout_s, whose) = match (queue.options.visibility_timeout_s, settings.visibility_timeout_s) {
        (Some(timeout_s), _) => (timeout_s, "the visibility timeout that is configured for it"),
        (None, Some(timeout_s)) => (timeout_s, "its visibility timeout"),
        (None, None) => {
            return report.unknown("visibility_timeout", "it does not tell its visibility timeout", None);
        }
    };
    let fix = if queue.options.visibility_timeout_s.is_some() {
        format!(
            "`visibility_timeout = \"{VISIBILITY_TIMEOUT_S_GOOD}s\"` in its [[queue]], or --visibility-timeout"
        )
    } else {
        set(queue, &format!("VisibilityTimeout={VISIBILITY_TIMEOUT_S_GOOD}"))
    };
    let is = format!("{whose} is {}", text::seconds(timeout_s.into()));
    if timeout_s == 0 {
        report.warn("visibility_timeout", format!("{is}; receives ask for 30 s in its place"), fix);
    } else if timeout_s < *VISIBILITY_TIMEOUT_S.start() {
        report.warn(
            "visibility_timeout",
            format!(
                "{is}: a batch that waits for the database is extended every {} s, or comes again",
                (timeout_s / 3).max(1)
            ),
            fix,
        );
    } else if timeout_s > *VISIBILITY_TIMEOUT_S.end() {
        report.warn(
            "visibility_timeout",
            format!("{is}: for so long messages of a poller that was killed are away"),
            fix,
        );
    } else {
        report.well("visibility_timeout", is);
    }
}

fn about_redrive(queue: &Queue, settings: &QueueSettings, report: &mut Report) {
    let Some(Redrive { receives_max, dead_letters }) = &settings.redrive else {
        return report.warn(
            "redrive",
            "it has no dead-letter queue: a message that can't be settled comes again until its time is over, and is lost then",
            "make one, and set it: aws sqs set-queue-attributes --attributes RedrivePolicy=…, with maxReceiveCount 10",
        );
    };
    let goes = format!("a message goes to {}", dead_letters.arn);
    match receives_max {
        None => report.unknown("redrive", format!("{goes}, after how many receives can't be read"), None),
        Some(receives) if *receives < RECEIVES_MIN => report.warn(
            "redrive",
            format!("{goes} after {receives} receives; each kill of a poller and each long outage costs one"),
            format!(
                "set maxReceiveCount in the RedrivePolicy of {} to {RECEIVES_GOOD}",
                queue.options.queue_url
            ),
        ),
        Some(receives) => report.well("redrive", format!("{goes} after {receives} receives")),
    }
    about_dead_letters(dead_letters, settings, report);
}

fn about_dead_letters(dead_letters: &DeadLetterQueue, settings: &QueueSettings, report: &mut Report) {
    let DeadLetterQueue { arn, url, holds } = dead_letters;
    let (depth, retention_s) = match holds {
        Ok(holds) => holds,
        Err(QueueRefusal { sentence, is_denied: true }) => {
            let fix = format!("grant {} on {arn}", QueueAction::GetAttributes.name());
            return report.unknown(
                "dead_letters",
                format!("what waits in the dead-letter queue: {sentence}"),
                Some(fix),
            );
        }
        Err(refusal) => return report.refused("dead_letters", format!("its dead-letter queue: {refusal}")),
    };
    let waiting = depth.waiting + depth.in_flight + depth.delayed;
    if waiting == 0 {
        report.well("dead_letters", "nothing waits in the dead-letter queue");
    } else {
        report.warn(
            "dead_letters",
            format!("{} in the dead-letter queue", counted(waiting)),
            format!(
                "see what was wrong by then, and take them in: aftersend ingest sqs --drain --queue-url {url}"
            ),
        );
    }
    // A message keeps its age on the way there.
    if let (Some(there_s), Some(here_s)) = (retention_s, settings.retention_s)
        && *there_s <= here_s
        && *there_s < RETENTION_S_GOOD
    {
        report.warn(
            "dead_letters_retention",
            format!(
                "the dead-letter queue keeps messages for {}, counted from when they came to the first queue, which keeps \
                 them for {}",
                days(*there_s),
                days(here_s)
            ),
            format!("aws sqs set-queue-attributes --queue-url {url} --attributes MessageRetentionPeriod={RETENTION_S_GOOD}"),
        );
    }
}

/// How messages come and how long they stay.
fn about_messages(queue: &Queue, settings: &QueueSettings, report: &mut Report) {
    match settings.retention_s {
        Some(retention_s) if retention_s < RETENTION_S_MIN => report.warn(
            "retention",
            format!("it keeps messages for {}, and events of a longer outage are lost", days(retention_s)),
            set(queue, &format!("MessageRetentionPeriod={RETENTION_S_GOOD}")),
        ),
        Some(retention_s) => report.well("retention", format!("it keeps messages for {}", days(retention_s))),
        None => report.unknown("retention", "it does not tell for how long it keeps messages", None),
    }
    if let Some(bytes) = settings.message_bytes_max.filter(|bytes| *bytes < MESSAGE_BYTES) {
        report.warn(
            "message_size",
            format!("it takes messages of up to {} bytes, and an event may be longer", text::number(bytes)),
            set(queue, &format!("MaximumMessageSize={MESSAGE_BYTES}")),
        );
    }
    if let Some(delay_s) = settings.delay_s.filter(|delay_s| *delay_s > 0) {
        report.warn(
            "delay",
            format!("it holds each message back for {delay_s} s before anybody may receive it"),
            set(queue, "DelaySeconds=0"),
        );
    }
    if let Some(long_poll_s) = settings.long_poll_s {
        report.well(
            "long_polling",
            format!("its own long poll is {long_poll_s} s; Aftersend's receives ask for 20 s whatever it is"),
        );
    }
    if settings.is_fifo {
        report.warn(
            "fifo",
            "it is a FIFO queue, to which SES's topics can't publish; it works, group by group, and gains nothing",
            "make a standard queue: the order of events does not matter to Aftersend",
        );
    }
}

fn about_encryption(settings: &QueueSettings, receive: bool, report: &mut Report) {
    match &settings.encryption {
        Encryption::None => report.well("encryption", "its messages are not encrypted at rest"),
        Encryption::Sqs => report.well("encryption", "SQS encrypts its messages with keys of its own"),
        Encryption::Kms(key) if key.ends_with(AWS_MANAGED_KEY) => report.warn(
            "encryption",
            format!("it is encrypted with {key}, which SNS can't be allowed to use: no event of a topic arrives"),
            "use SQS's own keys (SqsManagedSseEnabled=true), or a key of your own that sns.amazonaws.com may use",
        ),
        Encryption::Kms(key) => {
            let what = format!("whether the credentials may do kms:Decrypt with its key {key}");
            let more = if receive { "; a receive that brings a message proves it" } else { "" };
            report.unknown(
                "encryption",
                format!("{what}{more}"),
                Some("grant kms:Decrypt on it, and in its policy kms:GenerateDataKey* and kms:Decrypt to sns.amazonaws.com".to_owned()),
            );
        }
    }
}

fn about_depth(depth: &QueueDepth, report: &mut Report) {
    let holds = format!(
        "messages: about {} to be received, {} in flight, {} delayed",
        text::number(depth.waiting),
        text::number(depth.in_flight),
        text::number(depth.delayed)
    );
    if depth.in_flight > IN_FLIGHT_MAX / 10 * 9 {
        report.warn(
            "depth",
            format!("{holds}: near {} in flight, receives bring nothing", text::number(IN_FLIGHT_MAX)),
            "somebody receives and does not delete: look for other programs on the queue",
        );
    } else {
        report.well("depth", holds);
    }
}

fn set(queue: &Queue, attribute: &str) -> String {
    format!("aws sqs set-queue-attributes --queue-url {} --attributes {attribute}", queue.options.queue_url)
}

fn counted(messages: u64) -> String {
    match messages {
        1 => "1 message waits".to_owned(),
        _ => format!("{} messages wait", text::number(messages)),
    }
}

/// `4 days`, or what is not as long in hours and less.
fn days(seconds: u32) -> String {
    const DAY_S: u32 = 24 * 60 * 60;
    match seconds / DAY_S {
        days @ 2.. if seconds.is_multiple_of(DAY_S) => format!("{days} days"),
        _ => text::seconds(seconds.into()),
    }
}

#[cfg(test)]
mod tests;
