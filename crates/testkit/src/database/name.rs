//! Names that no other test has, and that tell how old they are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `test_<microseconds since 1970, hexadecimal>_<process>_<number in the process>`.
pub(super) fn fresh() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is later than 1970");
    format!("test_{:x}_{}_{number}", since.as_micros(), std::process::id())
}

/// How long ago a name was made, or `None` if it is none of [`fresh`]'s.
pub(super) fn age(name: &str) -> Option<Duration> {
    let mut parts = name.strip_prefix("test_")?.splitn(3, '_');
    let micros = u64::from_str_radix(parts.next()?, 16).ok()?;
    let _process: u32 = parts.next()?.parse().ok()?;
    let _number: u32 = parts.next()?.parse().ok()?;
    let made = UNIX_EPOCH.checked_add(Duration::from_micros(micros))?;
    SystemTime::now().duration_since(made).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_name_is_a_valid_prefix_and_young() {
        let name = fresh();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        assert!(name.len() <= 40, "{name}");
        assert!(age(&name).unwrap() < Duration::from_mins(1));
        assert_ne!(fresh(), name);
    }

    #[test]
    fn other_names_have_no_age() {
        for name in ["public", "test_", "test_mail_1_2", "test_0_1", "test_0_1_2_3", "pg_toast"] {
            assert_eq!(age(name), None, "{name}");
        }
        assert!(age("test_0_1_2").unwrap() > Duration::from_hours(1));
    }
}
