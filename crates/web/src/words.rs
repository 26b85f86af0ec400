//! The words, colours and signs for states and types, the same on every page.
//!
//! What SES's own terms mean is told after
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>.

use aftersend_event::{RecipientState, Status};
use aftersend_store::Occurrence;

use crate::{operation::FeedCondition, text};

/// What a colour says. Each stands beside a word and a sign, never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Neutral,
    Delivered,
    Opened,
    Clicked,
    Waiting,
    Bounced,
    Complained,
}

impl Tone {
    /// The class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Neutral => "tone-neutral",
            Self::Delivered => "tone-delivered",
            Self::Opened => "tone-opened",
            Self::Clicked => "tone-clicked",
            Self::Waiting => "tone-waiting",
            Self::Bounced => "tone-bounced",
            Self::Complained => "tone-complained",
        }
    }
}

/// A state or a type of event as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) word: String,
    pub(crate) tone: Tone,
    /// The symbol's id in `templates/signs.html`.
    pub(crate) sign: &'static str,
}

impl Label {
    pub(crate) fn new(word: &str, tone: Tone, sign: &'static str) -> Self {
        Self { word: word.to_owned(), tone, sign }
    }
}

/// The word for a state, as a person says it.
pub(crate) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Queued => "Queued",
        Status::Sent => "Sent",
        Status::Delayed => "Delayed",
        Status::SoftBounced => "Soft bounce",
        Status::Bounced => "Bounced",
        Status::Delivered => "Delivered",
        Status::Opened => "Opened",
        Status::Clicked => "Clicked",
        Status::HardBounced => "Hard bounce",
        Status::Failed => "Failed",
        Status::Rejected => "Rejected",
        Status::Complaint => "Complaint",
    }
}

/// The label of a mail's state. A state of an application's own invention keeps its name.
pub(crate) fn status_label(name: &str) -> Label {
    let Some(status) = Status::from_name(name) else {
        return Label { word: text::clipped(name, 24), tone: Tone::Neutral, sign: "other" };
    };
    let (tone, sign) = match status {
        Status::Queued => (Tone::Neutral, "queued"),
        Status::Sent => (Tone::Neutral, "send"),
        Status::Delayed => (Tone::Waiting, "delay"),
        Status::SoftBounced | Status::Bounced => (Tone::Waiting, "bounce"),
        Status::Delivered => (Tone::Delivered, "delivery"),
        Status::Opened => (Tone::Opened, "open"),
        Status::Clicked => (Tone::Clicked, "click"),
        Status::HardBounced => (Tone::Bounced, "bounce"),
        Status::Failed => (Tone::Bounced, "failure"),
        Status::Rejected => (Tone::Bounced, "reject"),
        Status::Complaint => (Tone::Complained, "complaint"),
    };
    Label::new(status_word(status), tone, sign)
}

/// The label of a recipient's state.
pub(crate) fn recipient_label(state: RecipientState) -> Label {
    let (word, tone, sign) = match state {
        RecipientState::Sent => ("Sent", Tone::Neutral, "send"),
        RecipientState::Delayed => ("Delayed", Tone::Waiting, "delay"),
        RecipientState::SoftBounced => ("Soft bounce", Tone::Waiting, "bounce"),
        RecipientState::Bounced => ("Bounced", Tone::Waiting, "bounce"),
        RecipientState::Delivered => ("Delivered", Tone::Delivered, "delivery"),
        RecipientState::PossiblyComplained => ("Complaint?", Tone::Complained, "complaint"),
        RecipientState::NotTried => ("Not tried", Tone::Bounced, "reject"),
        RecipientState::HardBounced => ("Hard bounce", Tone::Bounced, "bounce"),
        RecipientState::Failed => ("Failed", Tone::Bounced, "failure"),
        RecipientState::Rejected => ("Rejected", Tone::Bounced, "reject"),
        RecipientState::Complained => ("Complaint", Tone::Complained, "complaint"),
    };
    Label::new(word, tone, sign)
}

/// The label of a feed's condition.
pub(crate) fn feed_label(condition: FeedCondition) -> Label {
    let (word, tone, sign) = match condition {
        FeedCondition::Starting => ("Starting", Tone::Neutral, "queued"),
        FeedCondition::Running => ("Running", Tone::Delivered, "delivery"),
        FeedCondition::Paused => ("Paused", Tone::Waiting, "delay"),
        FeedCondition::Failed => ("Failed", Tone::Bounced, "failure"),
        FeedCondition::Ended => ("Ended", Tone::Neutral, "other"),
    };
    Label::new(word, tone, sign)
}

/// The label of something that happened. A type that this version does not know keeps its name.
pub(crate) fn event_label(occurrence: &Occurrence) -> Label {
    let not_spam = occurrence.complaint_type.as_deref() == Some("not-spam");
    match (occurrence.event_type.as_str(), occurrence.bounce_type.as_deref()) {
        ("queued", _) => Label::new("Queued", Tone::Neutral, "queued"),
        ("send", _) => Label::new("Sent", Tone::Neutral, "send"),
        ("delivery", _) => Label::new("Delivered", Tone::Delivered, "delivery"),
        ("bounce" | "complaint", _) if never_tried(occurrence) => {
            Label::new("Not tried", Tone::Bounced, "reject")
        }
        ("bounce", Some("hard")) => Label::new("Hard bounce", Tone::Bounced, "bounce"),
        ("bounce", Some("soft")) => Label::new("Soft bounce", Tone::Waiting, "bounce"),
        ("bounce", _) => Label::new("Bounced", Tone::Waiting, "bounce"),
        ("complaint", _) if not_spam => Label::new("Marked as not spam", Tone::Neutral, "complaint"),
        ("complaint", _) => Label::new("Complaint", Tone::Complained, "complaint"),
        ("open", _) => Label::new("Opened", Tone::Opened, "open"),
        ("click", _) => Label::new("Clicked", Tone::Clicked, "click"),
        ("reject", _) => Label::new("Rejected", Tone::Bounced, "reject"),
        ("delivery_delay", _) => Label::new("Delayed", Tone::Waiting, "delay"),
        ("subscription", _) => Label::new("Subscription changed", Tone::Neutral, "subscription"),
        ("rendering_failure", _) => Label::new("Rendering failed", Tone::Bounced, "failure"),
        ("failed", _) => Label::new("Failed", Tone::Bounced, "failure"),
        (other, _) => Label { word: text::clipped(other, 60), tone: Tone::Neutral, sign: "other" },
    }
}

/// Whether SES judges that a machine, not a person, opened the mail or followed the link.
pub(crate) fn automated(occurrence: &Occurrence) -> bool {
    occurrence.bot_verdict.as_deref() == Some("Likely")
}

/// Whether a bounce, or a complaint, says that SES did not even try the address.
pub(crate) fn never_tried(occurrence: &Occurrence) -> bool {
    match (occurrence.event_type.as_str(), occurrence.subtype.as_deref()) {
        (
            "bounce",
            Some(
                "OnAccountSuppressionList"
                | "OnTenantSuppressionList"
                | "EmailValidationSuppressed"
                | "UnsubscribedRecipient",
            ),
        ) => true,
        ("complaint", subtype) => subtype == Some("OnAccountSuppressionList"),
        _ => false,
    }
}

/// Why it happened, in a clause that can follow a colon. Nothing where SES gives no reason; a reason that this
/// version does not know keeps its name.
pub(crate) fn reason(occurrence: &Occurrence) -> Option<String> {
    match occurrence.event_type.as_str() {
        "bounce" => bounce_reason(occurrence),
        "delivery_delay" => {
            let delay = occurrence.delay_type.as_deref().or(occurrence.subtype.as_deref())?;
            Some(delay_reason(delay).map_or_else(|| text::value(delay), str::to_owned))
        }
        "complaint" => complaint_reason(occurrence),
        "reject" => occurrence.reject_reason.as_deref().map(text::value),
        "rendering_failure" | "failed" => occurrence.failure_reason.as_deref().map(text::value),
        "subscription" => {
            let source = occurrence.subscription_type.as_deref().or(occurrence.subtype.as_deref())?;
            Some(format!("by way of {}", text::value(source)))
        }
        _ => None,
    }
}

fn bounce_reason(bounce: &Occurrence) -> Option<String> {
    let subtype = bounce.subtype.as_deref()?;
    Some(
        bounce_subtype(bounce.bounce_type.as_deref(), subtype)
            .map_or_else(|| text::value(subtype), str::to_owned),
    )
}

/// What bounces of a kind (`hard`, `soft`, `undetermined`) and a subtype of SES's have in common.
pub(crate) fn bounce_meaning(kind: Option<&str>, subtype: Option<&str>) -> String {
    let known = subtype.and_then(|subtype| bounce_subtype(kind, subtype));
    let mut meaning = match (known, subtype, kind) {
        (Some(known), ..) => known.to_owned(),
        (None, Some(subtype), _) => text::value(subtype),
        (None, None, Some(kind)) => format!("a {} bounce without a reason", text::value(kind)),
        (None, None, None) => "no reason given".to_owned(),
    };
    if let Some(first) = meaning.get(..1) {
        meaning = first.to_uppercase() + &meaning[1..];
    }
    meaning
}

fn bounce_subtype(kind: Option<&str>, subtype: &str) -> Option<&'static str> {
    Some(match (subtype, kind) {
        ("NoEmail", _) => "the mailbox does not exist",
        ("General", Some("hard")) => "the recipient’s server refused it for good",
        ("General", _) => "the recipient’s server could not take it",
        ("Suppressed", _) => "the address is on SES’s own suppression list",
        ("OnAccountSuppressionList", _) => "the address is on the account’s suppression list",
        ("OnTenantSuppressionList", _) => "the address is on the tenant’s suppression list",
        ("EmailValidationSuppressed", _) => "SES’s check of the address held it back",
        ("UnsubscribedRecipient", _) => "the recipient has unsubscribed",
        ("MailboxFull", _) => "the mailbox is full",
        ("MessageTooLarge", _) => "the mail is too large for the recipient’s server",
        ("CustomTimeoutExceeded", _) => "it could not be delivered within the time that the sender allowed",
        ("ContentRejected", _) => "the recipient’s server refused its content",
        ("AttachmentRejected", _) => "the recipient’s server refused an attachment",
        ("Undetermined", _) => "SES could not tell why",
        _ => return None,
    })
}

fn delay_reason(delay_type: &str) -> Option<&'static str> {
    Some(match delay_type {
        "InternalFailure" => "trouble inside SES",
        "General" => "the conversation with the recipient’s server failed",
        "MailboxFull" => "the mailbox is full",
        "SpamDetected" => "the recipient’s server has seen much unwanted mail from this account",
        "RecipientServerError" => "the recipient’s server has trouble",
        "IPFailure" => "the recipient’s provider blocks or slows the sending IP address",
        "TransientCommunicationFailure" => "the connection to the recipient’s server broke",
        "BYOIPHostNameLookupUnavailable" => "SES could not look up the host name of the sending IP address",
        "SendingDeferral" => "SES itself chose to wait",
        "Undetermined" => "SES could not tell why",
        _ => return None,
    })
}

fn complaint_reason(complaint: &Occurrence) -> Option<String> {
    if complaint.subtype.as_deref() == Some("OnAccountSuppressionList") {
        return Some("the address is on the account’s suppression list".to_owned());
    }
    Some(match complaint.complaint_type.as_deref()? {
        "abuse" => "unwanted mail".to_owned(),
        "auth-failure" => "the sender could not be authenticated".to_owned(),
        "fraud" => "fraud or phishing".to_owned(),
        "not-spam" => "the recipient took it out of spam".to_owned(),
        "virus" => "a virus was found".to_owned(),
        "other" => "a reason that the provider does not name".to_owned(),
        other => text::value(other),
    })
}

/// `a`, `a and b`, `a, b and c`, `a, b and 7 others`
pub(crate) fn listed(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => text::value(one),
        [one, two] => format!("{} and {}", text::value(one), text::value(two)),
        [one, two, three] => {
            format!("{}, {} and {}", text::value(one), text::value(two), text::value(three))
        }
        [one, two, others @ ..] => {
            format!("{}, {} and {} others", text::value(one), text::value(two), others.len())
        }
    }
}

/// `and 1 other`, `and 22 others`; nothing for none.
pub(crate) fn others(count: usize) -> Option<String> {
    (count > 0).then(|| format!("and {}", counted(count, "other")))
}

/// `once`, `twice`, `3 times`
pub(crate) fn times_over(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

/// `1 open`, `3 opens`
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn every_state_and_sign_has_its_symbol() {
        let symbols = include_str!("../templates/signs.html");
        for status in Status::ALL {
            let label = status_label(status.name());
            assert!(symbols.contains(&format!("id=\"sign-{}\"", label.sign)), "{}", label.sign);
            assert!(!label.word.is_empty());
        }
        for state in RecipientState::ALL {
            let label = recipient_label(state);
            assert!(symbols.contains(&format!("id=\"sign-{}\"", label.sign)), "{}", label.sign);
        }
        let types = "queued send delivery bounce complaint open click reject delivery_delay subscription \
                     rendering_failure failed invented";
        for event_type in types.split_whitespace() {
            let label = event_label(&sample::occurrence(event_type, "2026-03-10T12:00:00Z"));
            assert!(symbols.contains(&format!("id=\"sign-{}\"", label.sign)), "{}", label.sign);
        }
    }

    #[test]
    fn a_state_of_an_applications_own_keeps_its_name() {
        assert_eq!(status_label("delivering").word, "delivering");
        assert_eq!(status_label(&"x".repeat(255)).word.chars().count(), 25);
    }

    #[test]
    fn unknown_reasons_are_shown_by_their_name() {
        let mut bounce = sample::occurrence("bounce", "2026-03-10T12:00:00Z");
        bounce.subtype = Some("MailboxOnFire".into());
        assert_eq!(reason(&bounce).as_deref(), Some("MailboxOnFire"));
        let mut delay = sample::occurrence("delivery_delay", "2026-03-10T12:00:00Z");
        delay.delay_type = Some("SolarFlare".into());
        assert_eq!(reason(&delay).as_deref(), Some("SolarFlare"));
    }

    #[test]
    fn lists_stay_short() {
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["a", "b", "c", "d"]), "a, b and 2 others");
        assert_eq!(
            (others(0), others(1), others(22)),
            (None, Some("and 1 other".into()), Some("and 22 others".into()))
        );
        assert_eq!(
            (times_over(1), times_over(2), times_over(3)),
            ("once".into(), "twice".into(), "3 times".into())
        );
    }
}
