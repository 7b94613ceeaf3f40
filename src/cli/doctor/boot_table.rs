//! `lookout doctor --boot`: the way from power-on to the first detection as a table.

use super::boot::{MANAGER_PROPERTIES, Part, Properties, Sources, UNIT_PROPERTIES, parts};
use super::systemctl::show_properties;
use crate::cli::DoctorArgs;
use crate::health::HealthReport;
use crate::process;
use std::fmt::Write as _;

/// Asks systemd and the health file, and prints the table.
pub(super) fn show(args: &DoctorArgs) {
    let parse = |text: String| Properties::parse(&text);
    let sources = Sources {
        manager: show_properties(None, &MANAGER_PROPERTIES).map(parse),
        unit: show_properties(Some(&args.unit), &UNIT_PROPERTIES).map(parse),
        health: HealthReport::read(&args.health).map_err(|error| error.to_string()),
        boot_id: process::boot_id(),
    };
    print!("{}", table(&parts(&sources)));
}

/// One line a part, and the sum of those that are known.
fn table(parts: &[Part]) -> String {
    let whole_us: u64 = parts
        .iter()
        .filter_map(|part| part.took.as_ref().ok())
        .sum();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:<34} {:>10} {:>6}",
        "from power-on", "time", "share"
    );
    for part in parts {
        let _ = match &part.took {
            Ok(took_us) => {
                let share = *took_us as f64 / whole_us.max(1) as f64;
                let percent = format!("{:.0} %", 100.0 * share);
                writeln!(text, "{:<34} {} {percent:>6}", part.name, seconds(*took_us))
            }
            Err(why) => writeln!(
                text,
                "{:<34} {:>10} {:>6}  {why}",
                part.name, "unknown", "-"
            ),
        };
    }
    let is_whole = parts.iter().all(|part| part.took.is_ok());
    let name = if is_whole {
        "whole"
    } else {
        "whole, as far as known"
    };
    let _ = writeln!(text, "{name:<34} {}", seconds(whole_us));
    text
}

fn seconds(us: u64) -> String {
    format!("{:>8.3} s", us as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_a_part_and_says_what_is_unknown() {
        let part = |name, took| Part { name, took };
        let parts = [
            part("firmware", Err("the firmware does not tell".into())),
            part("kernel", Ok(1_500_000)),
            part("first detection", Ok(500_000)),
        ];
        let expected = "\
from power-on                            time  share
firmware                              unknown      -  the firmware does not tell
kernel                                1.500 s   75 %
first detection                       0.500 s   25 %
whole, as far as known                2.000 s
";
        assert_eq!(table(&parts), expected);
        assert!(table(&[]).contains("0.000 s"));
    }
}
