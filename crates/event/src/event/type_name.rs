//! The names of event types: SES's spelling in, the column's spelling out.

use std::borrow::Cow;

use super::EventType;
use crate::Text;

impl<'a> EventType<'a> {
    /// The type of that name.
    ///
    /// Names are compared in the column's spelling, so `RenderingFailure` is `Rendering Failure`: two
    /// types must never share a spelling there, since a mail's events of one type share a key.
    pub fn from_name(name: Text<'a>) -> Self {
        match snake_case(&name).as_str() {
            "send" => Self::Send,
            "delivery" => Self::Delivery,
            "bounce" => Self::Bounce,
            "complaint" => Self::Complaint,
            "reject" => Self::Reject,
            "open" => Self::Open,
            "click" => Self::Click,
            "rendering_failure" => Self::RenderingFailure,
            "delivery_delay" => Self::DeliveryDelay,
            "subscription" => Self::Subscription,
            _ => Self::Unknown(name),
        }
    }

    /// The type as SES spells it: `Rendering Failure`, `DeliveryDelay`.
    pub fn name(&self) -> &str {
        match self {
            Self::Send => "Send",
            Self::Delivery => "Delivery",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
            Self::Reject => "Reject",
            Self::Open => "Open",
            Self::Click => "Click",
            Self::RenderingFailure => "Rendering Failure",
            Self::DeliveryDelay => "DeliveryDelay",
            Self::Subscription => "Subscription",
            Self::Unknown(name) => name,
        }
    }

    /// The type as the column `event_type` spells it: `rendering_failure`, `delivery_delay`. ASCII letters,
    /// digits and underscores; `unknown` where the name has none of these.
    pub fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Send => "send",
            Self::Delivery => "delivery",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Reject => "reject",
            Self::Open => "open",
            Self::Click => "click",
            Self::RenderingFailure => "rendering_failure",
            Self::DeliveryDelay => "delivery_delay",
            Self::Subscription => "subscription",
            Self::Unknown(name) => return Cow::Owned(snake_case(name)),
        })
    }
}

/// `MailboxMoved` and `Mailbox Moved` as `mailbox_moved`, `DNSFailure2` as `dns_failure2`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut previous = ' ';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_ascii_alphanumeric() {
            let next_is_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
            let word_begins =
                character.is_ascii_uppercase() && (!previous.is_ascii_uppercase() || next_is_lower);
            if (word_begins || !previous.is_ascii_alphanumeric()) && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        previous = character;
    }
    if snake.is_empty() { "unknown".to_owned() } else { snake }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for (name, type_name) in [
            ("Send", "send"),
            ("Delivery", "delivery"),
            ("Bounce", "bounce"),
            ("Complaint", "complaint"),
            ("Reject", "reject"),
            ("Open", "open"),
            ("Click", "click"),
            ("Rendering Failure", "rendering_failure"),
            ("DeliveryDelay", "delivery_delay"),
            ("Subscription", "subscription"),
        ] {
            let event_type = EventType::from_name(Text::from(name));
            assert!(!matches!(event_type, EventType::Unknown(_)), "{name}");
            assert_eq!(event_type.name(), name);
            assert_eq!(event_type.type_name(), type_name);
        }
    }

    #[test]
    fn other_spellings_of_the_ten_are_the_ten() {
        for (name, expected) in [
            ("RenderingFailure", EventType::RenderingFailure),
            ("RENDERING_FAILURE", EventType::RenderingFailure),
            ("Delivery Delay", EventType::DeliveryDelay),
            ("bounce", EventType::Bounce),
        ] {
            assert_eq!(EventType::from_name(Text::from(name)), expected, "{name}");
        }
    }

    #[test]
    fn unknown_names_stay() {
        for (name, type_name) in [
            ("MailboxMoved", "mailbox_moved"),
            ("Mailbox Moved", "mailbox_moved"),
            ("Mailbox - Moved!", "mailbox_moved"),
            ("DNSFailure2", "dns_failure2"),
            ("HTTP2Open", "http2_open"),
            ("ABC", "abc"),
            ("Ünread", "nread"),
            ("привет", "unknown"),
            ("'; DROP TABLE x --", "drop_table_x"),
            ("__", "unknown"),
        ] {
            let event_type = EventType::from_name(Text::from(name));
            assert_eq!(event_type, EventType::Unknown(Text::from(name)));
            assert_eq!(event_type.type_name(), type_name, "{name}");
        }
    }
}
