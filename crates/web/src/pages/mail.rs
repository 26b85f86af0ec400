//! One mail and what became of it.

use aftersend_event::{RecipientState, Status};
use aftersend_store::{
    BODY_BYTES_MAX, BodyState, Mail, Occurrence, Recipient, RecipientCounts, RelatedMails,
    STORY_OCCURRENCES_MAX, Story, search::query::Condition,
};
use askama::Template;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Frame,
    list::{ListRequest, Row, condition_path, searched},
    recipient::recipient_path,
    templates::template_path,
};
use crate::{
    bodies::SHOWN_BYTES_MAX,
    clock::{self, Clock},
    json,
    sentence::{self, is_forward},
    smtp, text,
    times::{self, Gap},
    words::{
        self, Label, automated, event_label, never_tried, others, reason, recipient_label, status_label,
    },
};

/// Bytes of raw JSON on one page at most. Events have 1 to 15 KB; a mail with a thousand opens would else
/// make a page of many megabytes.
const PAGE_JSON_BYTES_MAX: usize = 512 * 1024;

/// Characters of a subject in the page's heading at most.
const HEADING_CHARS_MAX: usize = 200;

/// Characters of a subject on the page at most: as many as a line of a mail's head can have, some times over.
/// <https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1>
const SUBJECT_CHARS_MAX: usize = 10_000;

/// Recipients in the list of them at most. SES allows 50, and forwards may come on top.
const RECIPIENTS_SHOWN_MAX: usize = 100;

/// Recipients named for one occurrence at most. SES allows 50 in a message.
const RECIPIENTS_MAX: usize = 50;

/// The page.
#[derive(Template)]
#[template(path = "mail.html")]
pub(crate) struct MailPage {
    frame: Frame,
    back: Back,
    zone: String,
    title: String,
    subject: Option<String>,
    /// The subject, where it is too long for a heading.
    whole_subject: Option<String>,
    status: Label,
    sentence: String,
    to: String,
    /// How many recipients there are besides.
    others: Option<String>,
    from: String,
    /// Recipients that get no mail now, with the paths of their pages.
    blocked: Vec<(String, String)>,
    recipients: Option<Recipients>,
    facts: Vec<Fact>,
    tags: Vec<Tag>,
    body_preview: Option<String>,
    error_message: Option<String>,
    days: Vec<Day>,
    any_forward: bool,
    any_folded: bool,
    any_automated: bool,
    occurrences_max: Option<usize>,
    related: Vec<Related>,
    body: Option<Body>,
}

/// How somebody wants to see the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BodyChoice {
    /// With what is loaded from elsewhere.
    pub(crate) with_pictures: bool,
    /// However long it is.
    pub(crate) is_whole: bool,
}

impl BodyChoice {
    /// The path with the words that say so, if there are any.
    fn path(self, path: &str, pictures: &str, whole: &str) -> String {
        let words: Vec<&str> = [self.with_pictures.then_some(pictures), self.is_whole.then_some(whole)]
            .into_iter()
            .flatten()
            .collect();
        if words.is_empty() { path.to_owned() } else { format!("{path}?{}", words.join("&")) }
    }

    fn page(self, mail: Uuid) -> String {
        self.path(&format!("/mails/{mail}"), "pictures=yes", "body=whole")
    }
}

/// The way back to where the mail was found.
pub(crate) struct Back {
    path: String,
    text: &'static str,
}

impl Back {
    pub(crate) fn all_mails() -> Self {
        Self { path: "/mails".to_owned(), text: "All mails" }
    }

    /// To that page of a list, with its search.
    pub(crate) fn list(request: &ListRequest) -> Self {
        let text = if request.query().is_empty() { "All mails" } else { "Back to the search" };
        Self { path: request.here(), text }
    }

    /// To the page of an address.
    pub(crate) fn recipient(path: &str) -> Self {
        Self { path: path.to_owned(), text: "Back to the recipient" }
    }
}

/// The mail's body, or why there is none to show.
enum Body {
    /// In a frame of its own.
    Shown {
        path: String,
        size: String,
        switch: String,
        with_pictures: bool,
        /// The path to all of it, where a part is shown.
        whole: Option<String>,
    },
    Gone(&'static str),
}

/// Other mails that have something in common with this one.
struct Related {
    title: &'static str,
    /// The path to all of them.
    path: String,
    /// What is there.
    all: String,
    mails: Vec<Row>,
}

/// What became of the mail for each of several recipients.
struct Recipients {
    counts: String,
    shown: Vec<ShownRecipient>,
    more: usize,
    any_possible: bool,
    any_unlisted: bool,
}

struct ShownRecipient {
    address: String,
    label: Label,
    since: Option<ShownTime>,
    unlisted: bool,
    /// The path to all that is known of this address.
    path: String,
}

struct ShownTime {
    text: String,
    exact: String,
    machine: String,
}

/// Something known of the mail.
struct Fact {
    name: &'static str,
    value: String,
    kind: FactKind,
}

enum FactKind {
    Text,
    /// An id: for machines, to be copied.
    Id,
    /// A text that other mails may share, with the path that finds them.
    Search(String),
    Time {
        machine: String,
    },
}

struct Tag {
    name: String,
    values: Vec<String>,
}

/// What happened on one day.
struct Day {
    date: String,
    /// How long nothing happened before, where that is a day or more.
    pause: Option<String>,
    moments: Vec<Moment>,
}

/// One occurrence on the timeline.
struct Moment {
    label: Label,
    /// The time since the moment before, where that is less than a day.
    step: Option<String>,
    /// How far the next moment of the day is below this one: 0 to [`DISTANCE_MAX`].
    distance: usize,
    clock: String,
    exact: String,
    machine: String,
    automated: bool,
    folded: bool,
    /// Addresses, and whether the mail was forwarded there.
    whom: Vec<(String, bool)>,
    whom_more: usize,
    reason: Option<String>,
    said: Vec<Said>,
    link: Option<Link>,
    details: Vec<Detail>,
    json: Option<RawJson>,
}

/// What a server said.
#[derive(PartialEq)]
struct Said {
    text: String,
    /// The status code in it, and what that means.
    explained: Option<(String, &'static str)>,
}

/// A link that was followed.
pub(super) struct Link {
    pub(super) text: String,
    /// Only for http and https: what runs or opens something else must never be one click away.
    pub(super) target: Option<String>,
}

struct Detail {
    name: &'static str,
    value: String,
}

enum RawJson {
    Whole { text: String, size: String },
    LeftOff { size: String },
}

impl MailPage {
    pub(crate) fn new(
        story: &Story,
        body: BodyState,
        body_choice: BodyChoice,
        related: &RelatedMails,
        blocked: &[String],
        back: Back,
        clock: &Clock,
    ) -> Self {
        let mail = &story.mail;
        let summary = &mail.summary;
        let listed = story.recipients.iter().filter(|recipient| recipient.listed).count();
        let subject = summary.subject.as_deref().filter(|subject| !subject.trim().is_empty());
        let whole_subject = subject.filter(|subject| subject.chars().nth(HEADING_CHARS_MAX).is_some());
        let whole_subject = whole_subject.map(|subject| text::clipped(subject, SUBJECT_CHARS_MAX));
        let subject = subject.map(|subject| text::clipped(subject, HEADING_CHARS_MAX));
        Self {
            frame: Frame::below("/mails", clock),
            back,
            zone: clock.zone_name().to_owned(),
            title: subject.clone().unwrap_or_else(|| text::value(&summary.to)),
            subject,
            whole_subject,
            status: state(story),
            sentence: sentence::sentence(story, clock),
            to: text::value(&summary.to),
            others: others(listed.saturating_sub(1)),
            from: text::value(&summary.from),
            blocked: blocked.iter().map(|address| (text::value(address), recipient_path(address))).collect(),
            recipients: Recipients::new(story, clock),
            facts: facts(mail, listed.saturating_sub(1), clock),
            tags: tags(mail),
            body_preview: given(mail.body_preview.as_deref()),
            error_message: given(mail.error_message.as_deref()),
            days: days(story, clock),
            any_forward: story
                .occurrences
                .iter()
                .flat_map(|occurrence| &occurrence.recipients)
                .any(|address| is_forward(story, address)),
            any_folded: story.occurrences.iter().any(|occurrence| occurrence.folded),
            any_automated: story.occurrences.iter().any(automated),
            occurrences_max: story.truncated.then_some(STORY_OCCURRENCES_MAX),
            body: Body::new(body, summary.uuid, body_choice),
            related: Related::all(mail, listed > 1, related, clock),
        }
    }
}

impl Body {
    fn new(state: BodyState, mail: Uuid, choice: BodyChoice) -> Option<Self> {
        Some(match state {
            BodyState::None | BodyState::Kept { bytes: 0 } => return None,
            BodyState::Kept { bytes } | BodyState::MarkedCompressed { bytes } if bytes > BODY_BYTES_MAX => {
                Self::Gone("The body is too long to be shown.")
            }
            BodyState::Kept { bytes } => Self::shown(mail, choice, bytes, human(bytes)),
            BodyState::Compressed { bytes, stored_bytes } => {
                let size = format!("{}, compressed to {}", human(bytes), human(stored_bytes));
                Self::shown(mail, choice, bytes, size)
            }
            BodyState::CompressedElsewhere { stored_bytes } => {
                let size = format!("compressed by the application to {}", human(stored_bytes));
                // It may be long, or not; a gzip of text this short is not.
                Self::shown(mail, choice, stored_bytes.saturating_mul(20), size)
            }
            BodyState::MarkedCompressed { bytes } => {
                let size = format!(
                    "{}, as it is stored: marked as compressed, and not readable as such",
                    human(bytes)
                );
                Self::shown(mail, choice, bytes, size)
            }
            BodyState::Discarded => Self::Gone("The application has discarded the body."),
        })
    }

    /// A long body is shown in part, unless somebody asks for all of it.
    fn shown(mail: Uuid, choice: BodyChoice, bytes: u64, size: String) -> Self {
        let is_long = bytes > SHOWN_BYTES_MAX as u64;
        Self::Shown {
            path: choice.path(&format!("/mails/{mail}/body"), "remote=yes", "whole=yes"),
            switch: BodyChoice { with_pictures: !choice.with_pictures, ..choice }.page(mail),
            with_pictures: choice.with_pictures,
            whole: (is_long && !choice.is_whole).then(|| BodyChoice { is_whole: true, ..choice }.page(mail)),
            size,
        }
    }
}

/// A length for people.
fn human(bytes: u64) -> String {
    size(usize::try_from(bytes).unwrap_or(usize::MAX))
}

impl Related {
    fn all(mail: &Mail, to_several: bool, related: &RelatedMails, clock: &Clock) -> Vec<Self> {
        let summary = &mail.summary;
        let campaign = summary.campaign_id.as_deref().and_then(searched).map(Condition::Campaign);
        let kinds = [
            (
                if to_several { "To any of its recipients" } else { "To the same recipient" },
                Some(recipient_path(&summary.to)),
                // Each of several has a page of its own.
                if to_several {
                    format!("All to {}", text::clipped(&summary.to, 60))
                } else {
                    "All".to_owned()
                },
                &related.by_recipient,
            ),
            (
                "Of the same template",
                summary.template_name.as_deref().map(template_path),
                "All".to_owned(),
                &related.by_template,
            ),
            ("Of the same campaign", campaign.map(condition_path), "All".to_owned(), &related.by_campaign),
        ];
        kinds
            .into_iter()
            .filter(|(.., mails)| !mails.is_empty())
            .filter_map(|(title, path, all, mails)| {
                let mails = mails.iter().map(|mail| Row::new(mail, clock)).collect();
                Some(Self { title, path: path?, all, mails })
            })
            .collect()
    }
}

impl Recipients {
    /// Nothing for a mail to one, of whom the page's head says it all.
    fn new(story: &Story, clock: &Clock) -> Option<Self> {
        let all = &story.recipients;
        let to = aftersend_event::normalise_address(&story.mail.summary.to);
        if all.is_empty() || (all.len() == 1 && all[0].address == to) {
            return None;
        }
        let mut sorted: Vec<&Recipient> = all.iter().collect();
        // The gravest first: it is what somebody comes for. The sort is stable, so that addresses stay in their order.
        sorted.sort_by_key(|recipient| (!recipient.listed, std::cmp::Reverse(recipient.state())));
        let shown: Vec<&Recipient> = sorted.into_iter().take(RECIPIENTS_SHOWN_MAX).collect();
        Some(Self {
            counts: RecipientCounts::of(all).to_string(),
            more: all.len() - shown.len(),
            any_possible: shown
                .iter()
                .any(|recipient| recipient.state() == RecipientState::PossiblyComplained),
            any_unlisted: shown.iter().any(|recipient| !recipient.listed),
            shown: shown.into_iter().map(|recipient| ShownRecipient::new(recipient, story, clock)).collect(),
        })
    }
}

impl ShownRecipient {
    fn new(recipient: &Recipient, story: &Story, clock: &Clock) -> Self {
        // A complaint that says so gives the recipient no state.
        let untried = story
            .occurrences
            .iter()
            .find(|occurrence| never_tried(occurrence) && occurrence.recipients.contains(&recipient.address))
            .filter(|_| recipient.state() == RecipientState::Sent);
        let since = recipient.since().or(untried.map(|occurrence| occurrence.occurred_at)).map(|since| {
            ShownTime { text: clock.short(since), exact: clock.exact(since), machine: clock::machine(since) }
        });
        Self {
            address: text::value(&recipient.address),
            label: recipient_label(if untried.is_some() {
                RecipientState::NotTried
            } else {
                recipient.state()
            }),
            since,
            unlisted: !recipient.listed,
            path: recipient_path(&recipient.address),
        }
    }
}

/// The mail's state; that of one that SES did not try is told so, whatever events it has made of it.
fn state(story: &Story) -> Label {
    let summary = &story.mail.summary;
    let status = Status::from_name(&summary.status);
    let is_open = matches!(status, Some(Status::Sent | Status::HardBounced));
    let to_one = story.recipients.iter().filter(|recipient| recipient.listed).count() <= 1;
    let mut told = story
        .occurrences
        .iter()
        .filter(|occurrence| !matches!(occurrence.event_type.as_str(), "queued" | "send" | "subscription"));
    let untried = story.occurrences.iter().any(never_tried) && told.all(never_tried);
    if is_open && to_one && untried {
        recipient_label(RecipientState::NotTried)
    } else {
        status_label(&summary.status)
    }
}

fn given(value: Option<&str>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty()).map(text::value)
}

fn facts(mail: &Mail, others_count: usize, clock: &Clock) -> Vec<Fact> {
    let summary = &mail.summary;
    let leads = |name, value: &str, path: Option<String>| Fact {
        name,
        value: text::value(value),
        kind: path.map_or(FactKind::Text, FactKind::Search),
    };
    let plain = |name, value: &str| Fact { name, value: text::value(value), kind: FactKind::Text };
    let id = |name, value: &str| Fact { name, value: text::value(value), kind: FactKind::Id };

    let mut facts = vec![leads("To", &summary.to, Some(recipient_path(&summary.to)))];
    if let Some(others) = others(others_count) {
        facts.push(plain("Besides to", &others));
    }
    facts.push(plain("From", &summary.from));
    let time = |name, time: Timestamp| Fact {
        name,
        value: clock.to_the_second(time),
        kind: FactKind::Time { machine: clock::machine(time) },
    };
    facts.push(time("Sent", summary.sent_at));
    let others = mail.times.iter().filter(|(status, _)| *status != Status::Sent);
    facts.extend(others.map(|&(status, at)| time(time_name(status), at)));
    facts.extend(summary.campaign_id.as_deref().map(|campaign| {
        leads("Campaign", campaign, searched(campaign).map(Condition::Campaign).map(condition_path))
    }));
    let template = summary.template_name.as_deref().filter(|template| !template.trim().is_empty());
    facts.extend(template.map(|template| leads("Template", template, Some(template_path(template)))));
    facts.extend(mail.configuration_set.as_deref().map(|set| plain("Configuration set", set)));
    facts.extend(summary.aws_message_id.as_deref().map(|ses| id("SES id", ses)));
    if summary.aws_message_id.as_ref() != Some(&summary.message_id) {
        facts.push(id("Message id", &summary.message_id));
    }
    facts.push(id("Aftersend’s id", &summary.uuid.to_string()));
    if mail.derived {
        facts.push(plain("Known from", "its events alone; no application has logged it"));
    }
    facts
}

fn time_name(status: Status) -> &'static str {
    match status {
        Status::Queued => "Queued",
        Status::Sent => "Sent",
        Status::Delayed => "First delayed",
        Status::SoftBounced | Status::Bounced | Status::HardBounced => "First bounced",
        Status::Delivered => "First delivered",
        Status::Opened => "First opened",
        Status::Clicked => "First clicked",
        Status::Failed => "Failed",
        Status::Rejected => "Rejected",
        Status::Complaint => "First complaint",
    }
}

fn tags(mail: &Mail) -> Vec<Tag> {
    let tag = |(name, values): (&String, &Vec<String>)| Tag {
        name: text::value(name),
        values: values.iter().map(|value| text::value(value)).collect(),
    };
    mail.tags.iter().map(tag).collect()
}

fn days(story: &Story, clock: &Clock) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    let mut before: Option<Timestamp> = None;
    let mut json_bytes_left = PAGE_JSON_BYTES_MAX;
    for occurrence in &story.occurrences {
        let time = occurrence.occurred_at;
        let (step, pause) = match before.and_then(|before| times::gap(before, time)) {
            None => (None, None),
            Some(Gap::Step(text)) => (Some(text), None),
            Some(Gap::Pause(text)) => (None, Some(text)),
        };
        let moment = Moment::new(occurrence, story, step, &mut json_bytes_left, clock);
        let date = clock.day(time);
        match days.last_mut() {
            Some(day) if day.date == date => {
                if let (Some(last), Some(before)) = (day.moments.last_mut(), before) {
                    last.distance = distance(before, time);
                }
                day.moments.push(moment);
            }
            _ => days.push(Day { date, pause, moments: vec![moment] }),
        }
        before = Some(time);
    }
    days
}

impl Moment {
    fn new(
        occurrence: &Occurrence,
        story: &Story,
        step: Option<String>,
        json_bytes_left: &mut usize,
        clock: &Clock,
    ) -> Self {
        let time = occurrence.occurred_at;
        let whom = occurrence.recipients.iter().take(RECIPIENTS_MAX);
        Self {
            label: event_label(occurrence),
            step,
            distance: 0,
            clock: clock.of_day(time),
            exact: clock.exact(time),
            machine: clock::machine(time),
            automated: automated(occurrence),
            folded: occurrence.folded,
            whom: whom.map(|address| (text::value(address), is_forward(story, address))).collect(),
            whom_more: occurrence.recipients.len().saturating_sub(RECIPIENTS_MAX),
            reason: reason(occurrence).map(capitalised),
            said: said(occurrence),
            link: occurrence.link_url.as_deref().map(Link::new),
            details: details(occurrence),
            json: raw_json(&occurrence.event_data, json_bytes_left),
        }
    }
}

/// The largest distance between two moments.
const DISTANCE_MAX: usize = 6;

/// How far two moments stand apart on the page. Each step is some six to ten times as long as the one before: a mail's
/// moments are milliseconds and hours apart, and both must be seen.
fn distance(from: Timestamp, to: Timestamp) -> usize {
    const STEPS_MS: [i64; DISTANCE_MAX] = [1_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000];
    let ms = to.as_millisecond() - from.as_millisecond();
    STEPS_MS.iter().take_while(|step| ms >= **step).count()
}

/// What servers said, each answer once: several recipients often share one.
fn said(occurrence: &Occurrence) -> Vec<Said> {
    let mut answers: Vec<Said> = Vec::new();
    for answer in occurrence.diagnostics.iter().take(RECIPIENTS_MAX) {
        let explained = smtp::explained(answer).map(|(code, meaning)| (code.to_owned(), meaning));
        let answer = Said { text: text::value(answer), explained };
        if !answers.contains(&answer) {
            answers.push(answer);
        }
    }
    answers
}

impl Link {
    pub(super) fn new(url: &str) -> Self {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let harmless = matches!(scheme.as_deref(), Some("http" | "https"));
        // A cut link would lead elsewhere, and one with hidden characters does not lead where it seems to.
        let whole = text::value(url) == url;
        Self { text: text::value(url), target: (harmless && whole).then(|| url.to_owned()) }
    }
}

fn details(occurrence: &Occurrence) -> Vec<Detail> {
    let verdict = occurrence.bot_verdict.as_deref().map(|verdict| match verdict {
        "Likely" => "likely a machine",
        "Unlikely" => "unlikely a machine",
        other => other,
    });
    // The subtype's own name, beside the sentence that explains it, is what SES's documentation is searched for.
    let name = match occurrence.event_type.as_str() {
        "delivery_delay" => occurrence.delay_type.as_deref().or(occurrence.subtype.as_deref()),
        "subscription" => None,
        _ => occurrence.subtype.as_deref(),
    };
    [
        ("SES’s term", name),
        ("Feedback type", occurrence.complaint_type.as_deref()),
        ("SES’s verdict", verdict),
        ("Program", occurrence.user_agent.as_deref()),
        ("IP address", occurrence.ip_address.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(Detail { name, value: given(value)? }))
    .collect()
}

fn raw_json(event_data: &str, bytes_left: &mut usize) -> Option<RawJson> {
    if matches!(event_data.trim(), "" | "{}" | "null") {
        return None;
    }
    let size = size(event_data.len());
    let laid_out = json::laid_out(event_data);
    Some(match bytes_left.checked_sub(laid_out.len()) {
        Some(left) => {
            *bytes_left = left;
            RawJson::Whole { text: laid_out, size }
        }
        None => RawJson::LeftOff { size },
    })
}

/// `812 bytes`, `1.9 KB`
fn size(bytes: usize) -> String {
    if bytes < 1_000 {
        words::counted(bytes, "byte")
    } else {
        format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100)
    }
}

fn capitalised(text: String) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
