//! Numbers as people read them.

use aftersend_store::{Estimate, Rate};

/// `1,234,567`
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1,234`, or `≈ 1,230,000` where it was estimated: with as many digits as an estimate has.
pub(crate) fn estimated(estimate: Estimate) -> String {
    if estimate.is_rough {
        format!("≈\u{a0}{}", grouped(rounded(estimate.count)))
    } else {
        grouped(estimate.count)
    }
}

/// To three digits.
fn rounded(count: u64) -> u64 {
    let unit = 10_u64.pow(count.checked_ilog10().unwrap_or(0).saturating_sub(2));
    count.saturating_add(unit / 2) / unit * unit
}

/// `812 bytes`, `1.9 KB`, `24 MB`, `1.3 GB`: by thousands, as disks are sold.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes}\u{a0}{}", if bytes == 1 { "byte" } else { "bytes" });
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut of_unit = bytes as f64 / 1_000.0;
    let mut unit = 0;
    // What rounds to a thousand is one of the next unit.
    while of_unit >= 999.5 && unit + 1 < UNITS.len() {
        of_unit /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(of_unit < 9.95);
    format!("{of_unit:.digits$}\u{a0}{}", UNITS[unit])
}

/// The same where it was estimated.
pub(crate) fn estimated_bytes(estimate: Estimate) -> String {
    if estimate.is_rough { format!("≈\u{a0}{}", bytes(estimate.count)) } else { bytes(estimate.count) }
}

/// `12.3 %`, `0.04 %`; a dash where there is nothing to take a part of, `unknown` where no event tells.
pub(crate) fn percentage(rate: Rate) -> String {
    match (rate, rate.percent()) {
        (Rate::Unknown, _) => "unknown".to_owned(),
        (Rate::Of { .. }, None) => "–".to_owned(),
        (Rate::Of { .. }, Some(percent)) => percent_text(percent),
    }
}

/// With as many digits as tell something: a complaint rate is below 0.1 %, a delivery rate close to 100 %.
fn percent_text(percent: f64) -> String {
    if percent == 0.0 {
        "0\u{a0}%".to_owned()
    } else if percent < 1.0 {
        // What rounds to nothing is not nothing.
        if percent < 0.005 { "<\u{a0}0.01\u{a0}%".to_owned() } else { format!("{percent:.2}\u{a0}%") }
    } else if percent < 99.95 {
        format!("{percent:.1}\u{a0}%")
    } else if percent < 100.0 {
        // Not "100 %" while somebody is missing.
        ">\u{a0}99.9\u{a0}%".to_owned()
    } else {
        "100\u{a0}%".to_owned()
    }
}

/// How a number changed: `+12 %`, `−3.4 %`; nothing where there was none before.
pub(crate) fn change(before: u64, now: u64) -> Option<String> {
    if before == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
    let percent = (now as f64 - before as f64) * 100.0 / before as f64;
    Some(signed(percent, "\u{a0}%"))
}

/// How a rate changed, in percentage points: `+1.2 points`; nothing where one of them is unknown.
pub(crate) fn points(before: Rate, now: Rate) -> Option<String> {
    Some(signed(now.percent()? - before.percent()?, " points"))
}

fn signed(change: f64, unit: &str) -> String {
    let size = change.abs();
    let digits = usize::from(size < 10.0) + usize::from(size < 1.0);
    let text = format!("{size:.digits$}");
    if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return "no change".to_owned();
    }
    format!("{}{text}{unit}", if change < 0.0 { '−' } else { '+' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (count, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), expected);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (count, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (9_949, "9.9 KB"),
            (9_950, "10 KB"),
            (999_499, "999 KB"),
            (999_999, "1.0 MB"),
            (24_400_000, "24 MB"),
            (1_340_000_000, "1.3 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(count).replace('\u{a0}', " "), expected);
        }
    }

    #[test]
    fn estimates_say_that_they_are_and_have_no_more_digits_than_they_know() {
        for (estimate, expected) in [
            (Estimate::exact(1_234_567), "1,234,567"),
            (Estimate::rough(1_234_567), "≈ 1,230,000"),
            (Estimate::rough(1_235_000), "≈ 1,240,000"),
            (Estimate::rough(999_600), "≈ 1,000,000"),
            (Estimate::rough(87), "≈ 87"),
            (Estimate::rough(0), "≈ 0"),
        ] {
            assert_eq!(estimated(estimate).replace('\u{a0}', " "), expected);
        }
        assert_eq!(estimated_bytes(Estimate::rough(1_500)).replace('\u{a0}', " "), "≈ 1.5 KB");
    }

    #[test]
    fn rates_never_say_none_or_all_of_what_is_neither() {
        for (count, of, expected) in [
            (0, 10, "0 %"),
            (1, 1_000_000, "< 0.01 %"),
            (1, 1_000, "0.10 %"),
            (1, 8, "12.5 %"),
            (999_999, 1_000_000, "> 99.9 %"),
            (10, 10, "100 %"),
            (0, 0, "–"),
        ] {
            assert_eq!(
                percentage(Rate::Of { count, of }).replace('\u{a0}', " "),
                expected,
                "{count} of {of}"
            );
        }
        assert_eq!(percentage(Rate::Unknown), "unknown");
    }

    #[test]
    fn changes_have_a_sign_and_few_digits() {
        for (before, now, expected) in [
            (100, 112, Some("+12 %")),
            (1_000, 966, Some("−3.4 %")),
            (10_000, 10_001, Some("+0.01 %")),
            (1_000_000, 1_000_001, Some("no change")),
            (5, 5, Some("no change")),
            (0, 5, None),
        ] {
            let told = change(before, now).map(|told| told.replace('\u{a0}', " "));
            assert_eq!(told.as_deref(), expected, "{before} to {now}");
        }
        let rate = |count| Rate::Of { count, of: 1_000 };
        assert_eq!(points(rate(10), rate(22)).as_deref(), Some("+1.2 points"));
        assert_eq!(points(Rate::Unknown, rate(22)), None);
    }
}
