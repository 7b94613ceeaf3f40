//! Numbers as people read them; the only place of a page that formats one.

/// What stands for a number that there is none of.
pub const NONE: &str = "–";

/// Between groups of three digits: a narrow space at which no line is broken.
const GROUP: char = '\u{202F}';

/// A count: `12 345`.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A measured value with about three digits: `0.123`, `12.3`, `12 345`, `1.2e-7`.
pub fn value(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let size = value.abs();
    match size {
        0.0 => "0".into(),
        _ if !(1e-3..1e9).contains(&size) => format!("{value:.1e}"),
        _ if size < 1.0 => fixed(value, 3),
        _ if size < 10.0 => fixed(value, 2),
        _ if size < 100.0 => fixed(value, 1),
        _ => fixed(value, 0),
    }
}

/// A number with `decimals` digits behind the point.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.decimals$}");
    // A rounded -0.0 has a sign that means nothing.
    let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    grouped(if is_zero {
        text.trim_start_matches('-')
    } else {
        &text
    })
}

/// A share in `0..=1` as percent: `12.3 %`; what is not quite none or all does not look so.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return NONE.into();
    }
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.1 {
        "< 0.1\u{A0}%".into()
    } else if percent < 100.0 && percent > 99.9 {
        "> 99.9\u{A0}%".into()
    } else {
        format!("{}\u{A0}%", fixed(percent, 1))
    }
}

/// The share of `part` in `whole`; not a number where there is no whole.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        f64::NAN
    } else {
        part as f64 / whole as f64
    }
}

/// A value as a count where it is whole, as a measured one where it is not.
pub(super) fn plain(number: f64) -> String {
    if number.fract() == 0.0 && (0.0..1e9).contains(&number) {
        count(number as u64)
    } else {
        value(number)
    }
}

/// A tick of an axis whose ticks are `step` apart.
pub(super) fn tick(value: f64, step: f64) -> String {
    let size = value.abs();
    if size >= 1e7 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.1e}").replace(".0e", "e");
    }
    let decimals = (-step.abs().log10().floor()).clamp(0.0, 6.0);
    fixed(
        value,
        if decimals.is_finite() {
            decimals as usize
        } else {
            0
        },
    )
}

/// A position in a drawing, in pixels.
pub(super) fn pixels(value: f64) -> String {
    if value.abs() < 1e6 {
        format!("{value:.1}")
    } else {
        "0".into()
    }
}

fn grouped(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("\u{2212}", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(sign);
    for (index, digit) in whole.char_indices() {
        // Four digits read well as they are.
        if index > 0 && (whole.len() - index).is_multiple_of(3) && whole.len() > 4 {
            out.push(GROUP);
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1234), "1234");
        assert_eq!(count(12_345), "12\u{202F}345");
        assert_eq!(count(u64::MAX).chars().count(), 26);
        assert_eq!(value(0.0), "0");
        assert_eq!(value(0.12345), "0.123");
        assert_eq!(value(-7.28159), "\u{2212}7.28");
        assert_eq!(value(56.78), "56.8");
        assert_eq!(value(123_456.7), "123\u{202F}457");
        assert_eq!(value(1.5e-7), "1.5e-7");
        assert_eq!(value(f64::NAN), NONE);
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!((plain(27.0), plain(2.5)), ("27".into(), "2.50".into()));
    }

    #[test]
    fn shares_are_none_or_all_only_if_they_are() {
        assert_eq!(percent(0.0), "0.0\u{A0}%");
        assert_eq!(percent(0.123), "12.3\u{A0}%");
        assert_eq!(percent(1.0), "100.0\u{A0}%");
        assert_eq!(percent(1e-9), "< 0.1\u{A0}%");
        assert_eq!(percent(0.99999), "> 99.9\u{A0}%");
        assert_eq!(percent(share(3, 0)), NONE);
    }

    #[test]
    fn ticks_show_as_many_decimals_as_they_need() {
        assert_eq!(tick(0.25, 0.05), "0.25");
        assert_eq!(tick(200.0, 100.0), "200");
        assert_eq!(tick(1e8, 1e7), "1e8");
        assert_eq!(tick(0.3, 0.1), "0.3");
    }

    proptest! {
        #[test]
        fn no_number_panics(a in any::<f64>(), b in any::<f64>()) {
            for text in [value(a), percent(a), fixed(a, 3), tick(a, b), pixels(a)] {
                prop_assert!(!text.is_empty() && text.len() < 60);
            }
        }
    }
}
