//! The database's URL, which may hold a password.

use std::fmt;

use aftersend_store::{ConnectError, DatabaseAddress};

/// What stands in place of a secret.
pub(super) const MASK: &str = "***";

/// Parameters of a URL whose values are no secrets. All others are masked: a driver may learn new ones.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
const OPEN_PARAMETERS: [&str; 10] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "sslmode",
    "target_session_attrs",
    "user",
];

/// An address of a database, and the URL that it was, without its secrets.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    pub(crate) address: DatabaseAddress,
    masked: String,
    /// Whether there was anything to mask.
    pub(super) has_secret: bool,
}

impl DatabaseUrl {
    /// Reads a URL or a list of `key=value`.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        let address: DatabaseAddress = text.parse()?;
        let masked = match text.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", masked(rest)),
            // A list's quotes and escapes are the driver's to read; it knows the place.
            None => address.place(),
        };
        let has_secret = masked.contains(MASK) || (!text.contains("://") && text.contains("password"));
        Ok(Self { address, masked, has_secret })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// A URL behind its scheme, without secrets.
fn masked(rest: &str) -> String {
    // The last @: a password in which somebody forgot to write %40 must not show its second half.
    let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, p)| (place, Some(p)));
    let mut masked = String::new();
    if let Some(login) = login {
        masked.push_str(login.split(':').next().unwrap_or_default());
        if login.contains(':') {
            masked.push(':');
            masked.push_str(MASK);
        }
        masked.push('@');
    }
    masked.push_str(place);
    for (index, parameter) in parameters.iter().flat_map(|parameters| parameters.split('&')).enumerate() {
        masked.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if !OPEN_PARAMETERS.contains(&name) => {
                masked.push_str(name);
                masked.push('=');
                masked.push_str(MASK);
            }
            _ => masked.push_str(parameter),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_everything_but_its_secrets() {
        for (url, shown) in [
            ("postgres://app:s3cret@db.example.com:5433/mail", "postgres://app:***@db.example.com:5433/mail"),
            ("postgresql://app@db/mail?sslmode=require", "postgresql://app@db/mail?sslmode=require"),
            ("postgres://db/mail?user=app&password=s3cret", "postgres://db/mail?user=app&password=***"),
            ("postgres://db/mail?options=-c%20a%3Ds3cret", "postgres://db/mail?options=***"),
            ("postgres://:s3cret@db/mail", "postgres://:***@db/mail"),
            ("postgres://app:s3:cret@db/mail", "postgres://app:***@db/mail"),
            ("host=db user=app password='s3 cret' dbname=mail", "db, port 5432, database mail"),
        ] {
            let url = DatabaseUrl::parse(url).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.has_secret, !shown.contains("app@db"), "{shown}");
            assert!(!format!("{url:?}").contains("cret"), "{url:?}");
        }
        assert_eq!(masked("app:s3@cret@db/mail"), "app:***@db/mail");
    }
}
