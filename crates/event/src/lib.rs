#![doc = include_str!("../README.md")]

mod address;
mod error;
mod event;
mod fingerprint;
mod json;
mod message;
mod recipient;
mod status;
mod text;
mod time;
mod wire;

pub mod limits;

pub use address::{Address, first_address, is_simulator_address, normalise_address};
pub use error::{FieldProblem, ReadError, Within};
pub use event::{
    BlockReason, BotVerdict, Bounce, BounceType, Bounced, Click, Complaint, Delay, Delivery, Detail, Event,
    EventType, Failure, Format, Header, Mail, Open, RecipientFact, Reject, Subscription,
};
pub use fingerprint::Fingerprint;
pub use message::{Control, Document, Envelope, Message, read};
pub use recipient::RecipientState;
pub use status::Status;
pub use text::Text;
pub use time::EventTime;

#[cfg(test)]
mod tests;
