//! How large a record may be.
//!
//! What goes beyond a limit is an error that names it, never a panic and never a silent cut. A text that has
//! no limit of its own here is bounded by [`MESSAGE_BYTES_MAX`].

/// Bytes of a whole message, its wrappings included. SQS and SNS carry at most 1 MiB.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Wrappings around an event. One is usual; a bus that forwards to a topic makes two.
pub const WRAPPINGS_MAX: usize = 4;

/// Objects and arrays within each other, over a whole JSON document. SES needs six; PostgreSQL's `jsonb`
/// reads recursively on a bounded stack.
pub const JSON_DEPTH_MAX: usize = 100;

/// Bytes of one JSON number. `jsonb` holds numbers as `numeric`, which has limits of its own.
/// <https://www.postgresql.org/docs/current/datatype-numeric.html>
pub const NUMBER_BYTES_MAX: usize = 1_000;

/// Digits in the exponent of one JSON number, for the same reason as [`NUMBER_BYTES_MAX`].
pub const EXPONENT_DIGITS_MAX: usize = 4;

/// Characters of an event type's name. SES's longest has 17.
pub const EVENT_TYPE_CHARS_MAX: usize = 100;

/// Characters of `mail.messageId`. It is the key to the mail, so it is never cut to its column's width.
pub const MESSAGE_ID_CHARS_MAX: usize = 255;

/// Recipients that one list of a record may name. SES allows 50 for a mail.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const RECIPIENTS_MAX: usize = 1_000;

/// Bytes of one recipient, its display name included. RFC 5321 allows 254 for the address alone.
pub const ADDRESS_BYTES_MAX: usize = 2_048;

/// Headers of a mail. SES cuts them at 10 KB, which is fewer than this many of the shortest kind.
pub const HEADERS_MAX: usize = 2_000;

/// Names of tags of a mail. SES allows 50 of the sender's own and adds a few.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html>
pub const TAGS_MAX: usize = 200;

/// Values of one tag. SES writes one.
pub const VALUES_PER_TAG_MAX: usize = 100;

/// Bytes of a time's spelling. The longest that SES writes has 32.
pub const TIME_BYTES_MAX: usize = 64;

/// Characters of a type's name or a time's spelling that an error message repeats.
pub const SHOWN_CHARS_MAX: usize = 40;
