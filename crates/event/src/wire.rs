//! The JSON of an event, before anything is asked of it.
//!
//! Reading into these types fails on nothing but broken JSON: a value is kept as it stands until the caller asks
//! for what should be there, decides what must be right, and names its path when it is not. Of a key that comes
//! twice the last one holds, as in PostgreSQL's `jsonb`.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess},
};
use serde_json::value::RawValue;

use crate::{EventTime, ReadError, Text};

/// A value that is looked at later, by its JSON. `null` is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Value<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<&RawValue>::deserialize(deserializer)?.map(RawValue::get)))
    }
}

impl<'a> Value<'a> {
    /// The value that stands in `json`, which is valid.
    pub(crate) fn of(json: &'a str) -> Self {
        Self(Some(json))
    }

    /// The JSON, if there is a value.
    pub(crate) fn json(self) -> Option<&'a str> {
        self.0
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
    pub(crate) fn list(self) -> Option<Vec<Self>> {
        match self.json() {
            None => Some(Vec::new()),
            Some(json) if json.starts_with('[') => serde_json::from_str(json).ok(),
            Some(_) => None,
        }
    }

    /// The object, which must be there.
    pub(crate) fn object<T: Deserialize<'a>>(self, path: &str) -> Result<T, ReadError> {
        let json = self.0.ok_or_else(|| ReadError::missing(path))?;
        serde_json::from_str(json).map_err(|_| ReadError::not(path, "an object"))
    }

    /// The object, or one without fields where there is something else.
    pub(crate) fn object_or_default<T: Deserialize<'a> + Default>(self) -> T {
        self.0.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    /// The keys and values of an object, none where there is something else.
    pub(crate) fn entries(self) -> Vec<(Text<'a>, Value<'a>)> {
        let Entries(all) = self.object_or_default();
        all
    }

    /// The texts of a list, or the one text that stands in its place; what is no text is left out.
    pub(crate) fn texts(self) -> Vec<Text<'a>> {
        match self.text() {
            Some(text) => vec![text],
            None => self.list().unwrap_or_default().into_iter().filter_map(Value::text).collect(),
        }
    }
}

/// An object's keys and values in their order, whatever the keys are.
#[derive(Debug, Default)]
struct Entries<'a>(Vec<(Text<'a>, Value<'a>)>);

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

/// Declares objects, each field with its key.
macro_rules! wire {
    ($($(#[$meta:meta])* $name:ident { $($key:literal $field:ident,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct $name<'a> {
            $(pub(crate) $field: Value<'a>,)*
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor<'a>(PhantomData<&'a ()>);

                impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match &*key {
                                $($key => object.$field = map.next_value()?,)*
                                _ => {
                                    map.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor(PhantomData))
            }
        }
    )*};
}

wire! {
    /// The keys that tell an event from its wrappings.
    Top {
        "eventType" event_type,
        "notificationType" notification_type,
        "Type" sns_type,
        "Message" sns_message,
        "TopicArn" topic_arn,
        "detail" detail,
    }
    Record {
        "eventType" event_type,
        "notificationType" notification_type,
        "mail" mail,
        "delivery" delivery,
        "bounce" bounce,
        "complaint" complaint,
        "reject" reject,
        "open" open,
        "click" click,
        "failure" failure,
        "deliveryDelay" delivery_delay,
        "subscription" subscription,
    }
    Mail {
        "messageId" message_id,
        "timestamp" timestamp,
        "source" source,
        "sourceArn" source_arn,
        "sendingAccountId" sending_account_id,
        "destination" destination,
        "headers" headers,
        "headersTruncated" headers_truncated,
        "commonHeaders" common_headers,
        "tags" tags,
    }
    CommonHeaders {
        "to" to,
        "subject" subject,
    }
    Header {
        "name" name,
        "value" value,
    }
    Delivery {
        "timestamp" timestamp,
        "recipients" recipients,
        "processingTimeMillis" processing_time_ms,
        "smtpResponse" smtp_response,
        "reportingMTA" reporting_mta,
        "remoteMtaIp" remote_mta_ip,
    }
    Bounce {
        "timestamp" timestamp,
        "bounceType" kind,
        "bounceSubType" sub_type,
        "bouncedRecipients" recipients,
        "feedbackId" feedback_id,
        "reportingMTA" reporting_mta,
        "remoteMtaIp" remote_mta_ip,
    }
    /// A recipient of a bounce, a complaint or a delay.
    Recipient {
        "emailAddress" email_address,
        "action" action,
        "status" status,
        "diagnosticCode" diagnostic_code,
    }
    Complaint {
        "timestamp" timestamp,
        "complainedRecipients" recipients,
        "feedbackId" feedback_id,
        "complaintSubType" sub_type,
        "userAgent" user_agent,
        "complaintFeedbackType" feedback_type,
        "arrivalDate" arrival_date,
    }
    Reject {
        "reason" reason,
    }
    Open {
        "timestamp" timestamp,
        "ipAddress" ip_address,
        "userAgent" user_agent,
        "isBotEvent" is_bot_event,
    }
    Click {
        "timestamp" timestamp,
        "ipAddress" ip_address,
        "userAgent" user_agent,
        "link" link,
        "isBotEvent" is_bot_event,
    }
    Failure {
        "templateName" template_name,
        "errorMessage" error_message,
    }
    Delay {
        "timestamp" timestamp,
        "delayType" kind,
        "expirationTime" expiration_time,
        "delayedRecipients" recipients,
        "reportingMTA" reporting_mta,
    }
    Subscription {
        "timestamp" timestamp,
        "contactList" contact_list,
        "source" source,
    }
    /// The one field that an object of an unknown type is asked for.
    Timed {
        "timestamp" timestamp,
    }
}
