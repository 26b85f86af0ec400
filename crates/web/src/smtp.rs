//! What mail servers say, in plain words.

/// Bytes of an answer in which a code is looked for; it stands at the beginning, as a rule.
const SEARCHED_BYTES_MAX: usize = 2_000;

/// The enhanced status code in a server's answer, and what it means: `("5.1.1", "the mailbox does not exist")`.
/// Nothing where there is none, or one that says no more than that it failed.
/// <https://www.iana.org/assignments/smtp-enhanced-status-codes/>
pub(crate) fn explained(answer: &str) -> Option<(&str, &'static str)> {
    let mut end = answer.len().min(SEARCHED_BYTES_MAX);
    while !answer.is_char_boundary(end) {
        end -= 1;
    }
    answer[..end]
        .split(|character: char| !character.is_ascii_digit() && character != '.')
        .map(|word| word.trim_end_matches('.'))
        .find_map(|word| Some((word, meaning(word)?)))
}

/// What a whole enhanced status code means.
fn meaning(code: &str) -> Option<&'static str> {
    let mut parts = code.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !matches!(class, "4" | "5") {
        return None;
    }
    let detail = detail.parse::<u16>().ok().filter(|_| detail.len() <= 3)?;
    let meaning = match (subject.parse::<u16>().ok()?, detail) {
        (1, 1) => "the mailbox does not exist",
        (1, 2) => "the domain of the address takes no mail, or does not exist",
        (1, 3) => "the address is not written as addresses are",
        (1, 4) => "the address fits several mailboxes",
        (1, 6) => "the mailbox has moved and left no address behind",
        (1, 7) => "the sender’s address is not written as addresses are",
        (1, 8) => "the sender’s domain takes no mail, or does not exist",
        // Servers of Microsoft say so of mailboxes, the standard of domains.
        (1, 10) => "the mailbox does not exist, or its domain takes no mail at all",
        (2, 0) => "something is wrong with the mailbox",
        (2, 1) => "the mailbox is switched off and takes no mail",
        (2, 2) => "the mailbox is full",
        (2, 3) => "the mail is larger than this mailbox takes",
        (2, 4) => "the list behind the address could not be resolved",
        (3, 1) => "the recipient’s server has run out of space",
        (3, 2) => "the recipient’s server takes no mail at the moment",
        (3, 4) => "the mail is larger than the recipient’s server takes",
        (4, 1) => "the recipient’s server did not answer",
        (4, 2) => "the connection to the recipient’s server broke",
        (4, 3) => "the recipient’s name server did not answer",
        (4, 4) => "no server could be found for the recipient’s domain",
        (4, 5) => "the recipient’s server has too much to do",
        (4, 6) => "the mail went round in a circle between servers",
        (4, 7) => "it was tried for as long as is allowed, and not taken",
        (5, 3) => "the mail has more recipients than the server takes at once",
        (6, 0..=7) => "the recipient’s server can’t handle the mail’s format",
        (7, 0) => "the recipient’s server refused it by a rule of its own",
        (7, 1) => "the recipient’s server does not take mail from this sender",
        (7, 2) => "the sender may not write to this list",
        (7, 5 | 8 | 9) => "the server asks for a log-in, or refuses the one that it got",
        (7, 13) => "the account behind the address is switched off",
        (7, 15) => "the mail’s priority is too low for the server",
        (7, 20) => "the mail has no valid DKIM signature, which the server asks for",
        (7, 21 | 22) => "the mail’s DKIM signature is not one of its author’s domain",
        (7, 23) => "the sender’s SPF record does not allow the server that sent it",
        (7, 24) => "the sender’s SPF record could not be evaluated",
        (7, 25) => "the sending address has no name in the DNS (no reverse lookup)",
        (7, 26) => "several checks of the sender failed (SPF, DKIM, DMARC)",
        (7, 27) => "the sender’s domain says that it takes no mail at all",
        (7, 28) => "the recipient’s server saw too much mail from this sender",
        (7, 30) => "the server asks for an encrypted connection",
        (7, 509) => "Microsoft refused it: the sender’s domain fails DMARC",
        (7, 511 | 606) => "Microsoft blocks the sending IP address",
        _ => return None,
    };
    Some(meaning)
}

/// The provider that took or refused a mail, by the sign in its own answers, else by the recipient's domain where
/// that is a provider's own. Nothing for others.
pub(crate) fn provider(answer: Option<&str>, recipient: &str) -> Option<&'static str> {
    let domain = recipient.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
    let by_domain = domain.as_deref().and_then(|domain| match domain {
        "gmail.com" | "googlemail.com" => Some("Gmail"),
        "outlook.com" | "hotmail.com" | "live.com" | "msn.com" | "hotmail.co.uk" | "hotmail.fr"
        | "hotmail.de" | "outlook.de" | "outlook.fr" => Some("Outlook.com"),
        "yahoo.com" | "yahoo.co.uk" | "yahoo.fr" | "yahoo.de" | "yahoo.co.jp" | "ymail.com" => Some("Yahoo"),
        "aol.com" => Some("AOL"),
        "icloud.com" | "me.com" | "mac.com" => Some("iCloud"),
        "gmx.de" | "gmx.net" | "gmx.at" | "gmx.com" => Some("GMX"),
        "web.de" => Some("WEB.DE"),
        "proton.me" | "protonmail.com" => Some("Proton Mail"),
        _ => None,
    });
    let by_answer = || {
        let answer = answer?;
        // Google signs its answers with the name of its server program, Microsoft with the name of its hosts.
        if answer.contains(" gsmtp") {
            Some("Google")
        } else if answer.contains(".outlook.com") {
            Some("Microsoft")
        } else {
            None
        }
    };
    by_domain.or_else(by_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_what_servers_say() {
        for (answer, expected) in [
            ("smtp; 550 5.1.1 <ghost@example.com>: Recipient address rejected", Some("5.1.1")),
            ("smtp; 552-5.2.2 The email account that you tried to reach is over quota", Some("5.2.2")),
            ("550-5.7.26 This mail has been blocked because the sender is unauthenticated.", Some("5.7.26")),
            ("smtp;451 4.4.1 reply: read error from mail.example.com.", Some("4.4.1")),
            ("Amazon SES did not send the message (#5.1.1)", Some("5.1.1")),
            ("554 4.4.7 Message expired: unable to deliver in 840 minutes", Some("4.4.7")),
            // Addresses and versions are no codes, and a success needs no explanation.
            ("250 2.0.0 OK  1681395823 gsmtp", None),
            ("refused by 5.1.1.4", None),
            ("Postfix 3.5.1 at 10.5.1.1 said no", None),
            ("550 5.99.1 what is this", None),
            ("", None),
            ("5.1.", None),
            ("5.1.99999999999999999999", None),
        ] {
            assert_eq!(explained(answer).map(|(code, _)| code), expected, "{answer}");
        }
        let long = format!("{}5.1.1", "ä".repeat(SEARCHED_BYTES_MAX));
        assert_eq!(explained(&long), None);
    }

    #[test]
    fn providers_are_known_by_their_domains_and_their_answers() {
        assert_eq!(provider(None, "jane@gmail.com"), Some("Gmail"));
        assert_eq!(provider(None, "jane@Hotmail.com"), Some("Outlook.com"));
        assert_eq!(provider(Some("250 2.0.0 OK 1681395823 - gsmtp"), "jane@example.com"), Some("Google"));
        let microsoft = "250 2.6.0 <x> [Hostname=AM0PR0.eurprd0.prod.outlook.com] Queued mail for delivery";
        assert_eq!(provider(Some(microsoft), "jane@example.com"), Some("Microsoft"));
        assert_eq!(provider(Some("250 ok dirdel"), "jane@example.com"), None);
        assert_eq!(provider(None, "no address"), None);
    }
}
