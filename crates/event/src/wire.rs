//! The JSON of an event, before anything is asked of it.
//!
//! Reading into these types fails on broken JSON alone: a value of the wrong kind is kept as such, so that
//! the caller decides what must be right, and names its path when it is not.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::{EventTime, ReadError, Text};

/// A value that is looked at later: a text, a number, a list. `null` is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leaf<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<&RawValue>::deserialize(deserializer).map(Self)
    }
}

impl<'a> Leaf<'a> {
    /// The JSON, if there is a value.
    pub(crate) fn json(self) -> Option<&'a str> {
        self.0.map(RawValue::get)
    }

    /// The text, or nothing where there is something else.
    pub(crate) fn text(self) -> Option<Text<'a>> {
        let json = self.json().filter(|json| json.starts_with('"'))?;
        serde_json::from_str(json).ok()
    }

    /// The text, which must be there.
    pub(crate) fn required_text(self, path: impl Into<String>) -> Result<Text<'a>, ReadError> {
        match (self.text(), self.0) {
            (Some(text), _) => Ok(text),
            (None, None) => Err(ReadError::missing(path)),
            (None, Some(_)) => Err(ReadError::not(path, "a text")),
        }
    }

    /// The time, which must be there and readable.
    pub(crate) fn required_time(self, path: &str) -> Result<EventTime<'a>, ReadError> {
        let text = self.required_text(path)?;
        EventTime::parse(text.clone()).ok_or_else(|| ReadError::time(path, &text))
    }

    /// The time, or nothing where there is no readable one.
    pub(crate) fn time(self) -> Option<EventTime<'a>> {
        self.text().and_then(EventTime::parse)
    }

    /// The whole number, or nothing where there is something else.
    pub(crate) fn whole_number(self) -> Option<u64> {
        self.json()?.parse().ok()
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(self) -> bool {
        self.json() == Some("true")
    }

    /// The list's items, none where it is missing. Nothing where it is something else.
    pub(crate) fn list<T: Deserialize<'a>>(self) -> Option<Vec<T>> {
        match self.json() {
            None => Some(Vec::new()),
            Some(json) if json.starts_with('[') => serde_json::from_str(json).ok(),
            Some(_) => None,
        }
    }

    /// The keys and values of an object, none where there is something else.
    pub(crate) fn entries(self) -> Vec<(Text<'a>, Leaf<'a>)> {
        let object = self.json().filter(|json| json.starts_with('{'));
        object.and_then(|json| serde_json::from_str(json).ok()).map_or_else(Vec::new, |Entries(all)| all)
    }

    /// The texts of a list, or the one text that stands in its place; what is no text is left out.
    pub(crate) fn texts(self) -> Vec<Text<'a>> {
        match self.text() {
            Some(text) => vec![text],
            None => self.list::<Leaf<'a>>().unwrap_or_default().into_iter().filter_map(Leaf::text).collect(),
        }
    }
}

/// An object, or what stands in its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Object<T> {
    /// No value, or `null`.
    #[default]
    Missing,
    /// A value that is no object.
    Wrong,
    /// The object.
    Is(T),
}

impl<T: Default> Object<T> {
    /// The object, which must be there.
    pub(crate) fn required(self, path: &str) -> Result<T, ReadError> {
        match self {
            Self::Is(object) => Ok(object),
            Self::Missing => Err(ReadError::missing(path)),
            Self::Wrong => Err(ReadError::not(path, "an object")),
        }
    }

    /// The object, or one without fields in its place.
    pub(crate) fn or_default(self) -> T {
        match self {
            Self::Is(object) => object,
            Self::Missing | Self::Wrong => T::default(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object::Is)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object::Wrong)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Object::Missing)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Object::Wrong)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Object::Wrong)
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Object::Wrong)
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Object::Wrong)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Object::Wrong)
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// An object's keys and values in their order, whatever the keys are.
#[derive(Debug)]
pub(crate) struct Entries<'a>(pub(crate) Vec<(Text<'a>, Leaf<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Entries<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

macro_rules! wire {
    ($($(#[$meta:meta])* $name:ident { $($key:literal $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, Deserialize)]
        #[serde(default, bound(deserialize = "'de: 'a"))]
        pub(crate) struct $name<'a> {
            $(#[serde(rename = $key)] pub(crate) $field: $type,)*
        }
    )*};
}

wire! {
    /// The keys that tell an event from its wrappings.
    Top {
        "eventType" event_type: Leaf<'a>,
        "notificationType" notification_type: Leaf<'a>,
        "Type" sns_type: Leaf<'a>,
        "Message" sns_message: Leaf<'a>,
        "TopicArn" topic_arn: Leaf<'a>,
        "detail" detail: Leaf<'a>,
    }
    Record {
        "eventType" event_type: Leaf<'a>,
        "notificationType" notification_type: Leaf<'a>,
        "mail" mail: Object<Mail<'a>>,
        "delivery" delivery: Object<Delivery<'a>>,
        "bounce" bounce: Object<Bounce<'a>>,
        "complaint" complaint: Object<Complaint<'a>>,
        "reject" reject: Object<Reject<'a>>,
        "open" open: Object<Open<'a>>,
        "click" click: Object<Click<'a>>,
        "failure" failure: Object<Failure<'a>>,
        "deliveryDelay" delivery_delay: Object<Delay<'a>>,
        "subscription" subscription: Object<Subscription<'a>>,
    }
    Mail {
        "messageId" message_id: Leaf<'a>,
        "timestamp" timestamp: Leaf<'a>,
        "source" source: Leaf<'a>,
        "sourceArn" source_arn: Leaf<'a>,
        "sendingAccountId" sending_account_id: Leaf<'a>,
        "destination" destination: Leaf<'a>,
        "headers" headers: Leaf<'a>,
        "headersTruncated" headers_truncated: Leaf<'a>,
        "commonHeaders" common_headers: Object<CommonHeaders<'a>>,
        "tags" tags: Leaf<'a>,
    }
    CommonHeaders {
        "to" to: Leaf<'a>,
        "subject" subject: Leaf<'a>,
    }
    Header {
        "name" name: Leaf<'a>,
        "value" value: Leaf<'a>,
    }
    Delivery {
        "timestamp" timestamp: Leaf<'a>,
        "recipients" recipients: Leaf<'a>,
        "processingTimeMillis" processing_time_ms: Leaf<'a>,
        "smtpResponse" smtp_response: Leaf<'a>,
        "reportingMTA" reporting_mta: Leaf<'a>,
        "remoteMtaIp" remote_mta_ip: Leaf<'a>,
    }
    Bounce {
        "timestamp" timestamp: Leaf<'a>,
        "bounceType" kind: Leaf<'a>,
        "bounceSubType" sub_type: Leaf<'a>,
        "bouncedRecipients" recipients: Leaf<'a>,
        "feedbackId" feedback_id: Leaf<'a>,
        "reportingMTA" reporting_mta: Leaf<'a>,
        "remoteMtaIp" remote_mta_ip: Leaf<'a>,
    }
    /// A recipient of a bounce, a complaint or a delay.
    Recipient {
        "emailAddress" email_address: Leaf<'a>,
        "action" action: Leaf<'a>,
        "status" status: Leaf<'a>,
        "diagnosticCode" diagnostic_code: Leaf<'a>,
    }
    Complaint {
        "timestamp" timestamp: Leaf<'a>,
        "complainedRecipients" recipients: Leaf<'a>,
        "feedbackId" feedback_id: Leaf<'a>,
        "complaintSubType" sub_type: Leaf<'a>,
        "userAgent" user_agent: Leaf<'a>,
        "complaintFeedbackType" feedback_type: Leaf<'a>,
        "arrivalDate" arrival_date: Leaf<'a>,
    }
    Reject {
        "reason" reason: Leaf<'a>,
    }
    Open {
        "timestamp" timestamp: Leaf<'a>,
        "ipAddress" ip_address: Leaf<'a>,
        "userAgent" user_agent: Leaf<'a>,
        "isBotEvent" is_bot_event: Leaf<'a>,
    }
    Click {
        "timestamp" timestamp: Leaf<'a>,
        "ipAddress" ip_address: Leaf<'a>,
        "userAgent" user_agent: Leaf<'a>,
        "link" link: Leaf<'a>,
        "isBotEvent" is_bot_event: Leaf<'a>,
    }
    Failure {
        "templateName" template_name: Leaf<'a>,
        "errorMessage" error_message: Leaf<'a>,
    }
    Delay {
        "timestamp" timestamp: Leaf<'a>,
        "delayType" kind: Leaf<'a>,
        "expirationTime" expiration_time: Leaf<'a>,
        "delayedRecipients" recipients: Leaf<'a>,
        "reportingMTA" reporting_mta: Leaf<'a>,
    }
    Subscription {
        "timestamp" timestamp: Leaf<'a>,
        "contactList" contact_list: Leaf<'a>,
        "source" source: Leaf<'a>,
    }
    /// The one field that an object of an unknown type is asked for.
    Timed {
        "timestamp" timestamp: Leaf<'a>,
    }
}
