//! What a listener for SNS is told.

use std::{collections::HashSet, fmt, num::NonZeroU32, str::FromStr};

use aws_lc_rs::{
    constant_time,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
};

use super::topic::TopicArn;

/// Characters of a secret. The least is what 80 random bits take in hexadecimal, and less is no secret.
const SECRET_CHARS_MIN: usize = 20;
const SECRET_CHARS_MAX: usize = 128;

/// Requests that one source may make in a second unless told otherwise. Behind a proxy all of them have one source.
const REQUESTS_PER_SECOND_MAX: NonZeroU32 = NonZeroU32::new(1_000).expect("1,000 is not 0");

/// Which messages a listener for SNS takes.
#[derive(Clone, Debug)]
pub struct HooksOptions {
    /// The topics whose messages are taken, by their exact names. Without any nothing is taken.
    pub topics: HashSet<TopicArn>,
    /// What every request must bring as the password of HTTP's Basic authentication, where it is set. Raw delivery,
    /// which carries no signature, is taken only then.
    pub secret: Option<HookSecret>,
    /// Take signatures of version 2 alone, by SHA-256, and not those of version 1, by SHA-1.
    pub signature_2_only: bool,
    /// Requests that one source may make in a second, and at once. Beyond it the answer is 429, and SNS tries again.
    pub requests_per_second_max: NonZeroU32,
}

impl Default for HooksOptions {
    fn default() -> Self {
        Self {
            topics: HashSet::new(),
            secret: None,
            signature_2_only: false,
            requests_per_second_max: REQUESTS_PER_SECOND_MAX,
        }
    }
}

/// A secret that the subscription's address carries: `https://aftersend:SECRET@hooks.example.com/hooks/sns`.
///
/// It is kept as a digest and never shown.
#[derive(Clone)]
pub struct HookSecret([u8; SHA256_OUTPUT_LEN]);

/// A text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookSecretError {
    /// It can be guessed, or is too long for an address.
    #[error(
        "a secret has {SECRET_CHARS_MIN} to {SECRET_CHARS_MAX} characters; `openssl rand -hex 20` makes one"
    )]
    Length,
    /// It would have to be escaped in an address.
    #[error("a secret is made of letters, digits, `-`, `.`, `_` and `~`, which an address carries unchanged")]
    Characters,
}

impl HookSecret {
    /// Whether a text is the secret. Takes as long whatever the text holds.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.0, digest(&SHA256, text).as_ref()).is_ok()
    }
}

impl FromStr for HookSecret {
    type Err = HookSecretError;

    fn from_str(text: &str) -> Result<Self, HookSecretError> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            return Err(HookSecretError::Characters);
        }
        if !(SECRET_CHARS_MIN..=SECRET_CHARS_MAX).contains(&text.len()) {
            return Err(HookSecretError::Length);
        }
        let digest = digest(&SHA256, text.as_bytes());
        Ok(Self(digest.as_ref().try_into().expect("a SHA-256 digest has 32 bytes")))
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_from_every_other_text_and_never_shown() {
        let secret: HookSecret = "correct-horse.battery_staple~9".parse().unwrap();
        assert!(secret.is(b"correct-horse.battery_staple~9"));
        for other in [
            "",
            "correct-horse.battery_staple~",
            "correct-horse.battery_staple~99",
            "CORRECT-horse.battery_staple~9",
        ] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
        assert!(!format!("{secret:?}").contains("horse"));
    }

    #[test]
    fn a_secret_must_be_hard_to_guess_and_fit_an_address() {
        assert_eq!("a".repeat(19).parse::<HookSecret>().unwrap_err(), HookSecretError::Length);
        assert_eq!("a".repeat(129).parse::<HookSecret>().unwrap_err(), HookSecretError::Length);
        for text in [
            "pass word of some length",
            "p@ssword-of-some-length",
            "pass:word-of-some-length",
            "päßwort-of-some-length",
        ] {
            assert_eq!(text.parse::<HookSecret>().unwrap_err(), HookSecretError::Characters, "{text}");
        }
    }
}
