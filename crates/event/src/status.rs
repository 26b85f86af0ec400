//! The states a mail can be in, and which of two wins.

use std::fmt;

/// A mail's state. The order of the variants is the rank: of all states that a mail's events give it, the
/// highest holds, whatever order the events came in.
///
/// The names are those of the column `phoenix_kit_email_logs.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// An application has accepted the mail and not handed it to SES yet.
    Queued,
    /// SES has accepted the mail.
    Sent,
    /// The recipient's server put SES off for now.
    Delayed,
    /// A bounce of type Transient.
    SoftBounced,
    /// A bounce of type Undetermined.
    Bounced,
    /// A recipient's server has taken the mail.
    Delivered,
    /// The mail was opened, by a person or by a machine.
    Opened,
    /// A link in the mail was followed, by a person or by a machine.
    Clicked,
    /// A bounce of type Permanent. Above delivered, since SES reports bounces that come after a delivery.
    HardBounced,
    /// SES could not render the mail's template.
    Failed,
    /// SES refused the mail, for a virus as a rule.
    Rejected,
    /// A recipient marked the mail as spam.
    Complaint,
}

impl Status {
    /// Every status, lowest rank first.
    pub const ALL: [Self; 12] = [
        Self::Queued,
        Self::Sent,
        Self::Delayed,
        Self::SoftBounced,
        Self::Bounced,
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::HardBounced,
        Self::Failed,
        Self::Rejected,
        Self::Complaint,
    ];

    /// The name that the database holds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::SoftBounced => "soft_bounced",
            Self::Bounced => "bounced",
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::HardBounced => "hard_bounced",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Complaint => "complaint",
        }
    }

    /// The status of that name, or nothing: an application may have written a state of its own.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_status_in_order_of_rank() {
        assert!(Status::ALL.is_sorted());
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("delivering"), None);
    }
}
