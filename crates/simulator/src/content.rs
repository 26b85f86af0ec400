//! What is in the mails: invented companies, their templates, and what servers and programs say.

/// A company that sends mail.
pub(crate) struct Company {
    /// The display name.
    pub(crate) name: &'static str,
    pub(crate) local: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) mails: &'static [MailKind],
}

/// A kind of mail that a company sends.
pub(crate) struct MailKind {
    /// The value of the tag `template`.
    pub(crate) template: &'static str,
    /// `{n}` stands for a number.
    pub(crate) subject: &'static str,
    /// The value of the tag `campaign`, and whether the mail is an advertisement.
    pub(crate) campaign: Option<&'static str>,
}

const fn mail(template: &'static str, subject: &'static str) -> MailKind {
    MailKind { template, subject, campaign: None }
}

const fn campaign(template: &'static str, campaign: &'static str, subject: &'static str) -> MailKind {
    MailKind { template, subject, campaign: Some(campaign) }
}

pub(crate) const COMPANIES: [Company; 8] = [
    Company {
        name: "Harbour Books",
        local: "orders",
        domain: "harbour-books.example.com",
        mails: &[
            mail("receipt", "Your receipt from Harbour Books, order {n}"),
            mail("shipping", "Order {n} is on its way"),
            mail("password-reset", "Reset your password"),
            campaign("newsletter", "autumn-reading", "Twelve novels for long evenings"),
            campaign("newsletter", "staff-picks", "What we read this month"),
        ],
    },
    Company {
        name: "Kranich Verlag",
        local: "post",
        domain: "kranich-verlag.example.org",
        mails: &[
            mail("invoice", "Rechnung {n} für Ihre Bestellung"),
            mail("welcome", "Schön, dass Sie da sind"),
            campaign("newsletter", "herbst-vorschau", "Bücher für den Herbst: unsere Vorschau"),
        ],
    },
    Company {
        name: "東京レターズ",
        local: "hello",
        domain: "tokyo-letters.example.net",
        mails: &[
            mail("welcome", "ようこそ、東京レターズへ"),
            campaign("newsletter", "tokyo-weekly", "東京からの便り：秋の散歩道"),
        ],
    },
    Company {
        name: "Fjord Rail",
        local: "tickets",
        domain: "fjord-rail.example.org",
        mails: &[
            mail("booking", "Your tickets: Bergen to Oslo, booking {n}"),
            mail("delay-notice", "Your train leaves 15 minutes later"),
            mail("sign-in", "Your sign-in code is {n}"),
        ],
    },
    Company {
        name: "Cedar Coffee Roasters",
        local: "hello",
        domain: "cedar-coffee.example.com",
        mails: &[
            mail("receipt", "Thank you for your order {n}"),
            mail("subscription-renewal", "Your coffee subscription renews on Friday"),
            campaign("promotion", "new-harvest", "New harvest: Sidamo, washed, very floral ☕"),
        ],
    },
    Company {
        name: "Papaya Ledger",
        local: "billing",
        domain: "papaya-ledger.example.net",
        mails: &[
            mail("invoice", "Invoice {n} is ready"),
            mail("payment-failed", "We could not charge your card"),
            mail("two-factor", "{n} is your verification code"),
            mail("export-ready", "Your export is ready to download"),
        ],
    },
    Company {
        name: "Café Océan",
        local: "reservations",
        domain: "cafe-ocean.example.org",
        mails: &[
            mail("reservation", "Votre réservation nº {n} est confirmée"),
            mail("reminder", "À demain soir !"),
            campaign("promotion", "menu-de-saison", "Le menu de saison est arrivé"),
        ],
    },
    Company {
        name: "Greenfield Clinic",
        local: "appointments",
        domain: "greenfield-clinic.example.com",
        mails: &[
            mail("appointment", "Your appointment on Tuesday"),
            mail("reminder", "Reminder: your appointment is tomorrow"),
            mail("password-reset", "Reset your patient portal password"),
        ],
    },
];

/// What people read mail with.
pub(crate) const USER_AGENTS: [&str; 7] = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.13.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.18925; Pro)",
];

/// Apple's Mail Privacy Protection loads every picture, read or not; it says no more than this.
pub(crate) const APPLE_PRIVACY: &str = "Mozilla/5.0";

/// Gmail's cache for pictures: a person did open the mail.
pub(crate) const GOOGLE_PROXY: &str =
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";

/// A machine that follows links before the recipient sees them.
pub(crate) const LINK_SCANNER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36";

pub(crate) const SMTP_RESPONSES: [&str; 4] = [
    "250 2.0.0 OK: queued as 4cV7Qk2mXzz3wN",
    "250 2.6.0 Message received",
    "250 2.0.0 Ok: queued",
    "250 ok:  Message 64111812 accepted",
];

/// The status code and the diagnostics of mailboxes that are no more.
pub(crate) const NO_SUCH_MAILBOX: [(&str, &str); 4] = [
    ("5.1.1", "smtp; 550 5.1.1 user unknown"),
    (
        "5.1.1",
        "smtp; 550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 Please try again",
    ),
    ("5.1.10", "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    ("5.4.4", "smtp; 550 5.4.4 Host unknown (no MX record)"),
];

/// The path of a link in a mail, without the number that ends it.
pub(crate) const LINK_PATHS: [&str; 6] =
    ["account", "orders", "read", "shop/offers?utm_source=mail&n=", "help", "unsubscribe"];
