//! The states a mail's recipient can be in, and which of two wins.

use std::fmt;

/// What became of a mail for one of its recipients. The order of the variants is the rank: of all states that the
/// mail's events give a recipient, the highest holds, whatever order the events came in.
///
/// Opens and clicks are none of them: a mail has one pixel and one set of links for all its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecipientState {
    /// SES has accepted the mail, and has told nothing of this recipient since.
    Sent,
    /// The recipient's server put SES off for now.
    Delayed,
    /// A bounce of type Transient.
    SoftBounced,
    /// A bounce of type Undetermined.
    Bounced,
    /// The recipient's server has taken the mail.
    Delivered,
    /// Somebody called the mail spam: this recipient, or another at the same domain. SES does not say who.
    PossiblyComplained,
    /// SES did not try the address: a suppression list, an unsubscribed contact, a check of the address.
    NotTried,
    /// A bounce of type Permanent. Above delivered, since SES reports bounces that come after a delivery.
    HardBounced,
    /// SES could not render the mail's template.
    Failed,
    /// SES refused the mail, for a virus as a rule.
    Rejected,
    /// This recipient called the mail spam.
    Complained,
}

impl RecipientState {
    /// Every state, lowest rank first.
    pub const ALL: [Self; 11] = [
        Self::Sent,
        Self::Delayed,
        Self::SoftBounced,
        Self::Bounced,
        Self::Delivered,
        Self::PossiblyComplained,
        Self::NotTried,
        Self::HardBounced,
        Self::Failed,
        Self::Rejected,
        Self::Complained,
    ];

    /// The name that programs use, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::SoftBounced => "soft_bounced",
            Self::Bounced => "bounced",
            Self::Delivered => "delivered",
            Self::PossiblyComplained => "possibly_complained",
            Self::NotTried => "not_tried",
            Self::HardBounced => "hard_bounced",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Complained => "complained",
        }
    }
}

impl fmt::Display for RecipientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_state_in_order_of_rank() {
        assert!(RecipientState::ALL.is_sorted());
        let mut names = RecipientState::ALL.map(RecipientState::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
