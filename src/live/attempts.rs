//! How often somebody may be wrong about the token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong tokens that an address may show in a row.
const IN_A_ROW_MAX: u32 = 10;

/// How soon another one is forgiven.
const FORGIVEN_EVERY: Duration = Duration::from_secs(2);

/// Addresses that are remembered; the one that was wrong longest ago is forgotten first.
const ADDRESSES_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Record {
    wrong: u32,
    at: Instant,
}

/// Who has been wrong lately. Whoever is right is not held up by others who are wrong.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    records: BTreeMap<IpAddr, Record>,
}

impl Attempts {
    /// Whether a token from there is looked at at all now.
    pub(super) fn may_try(&mut self, from: IpAddr, now: Instant) -> bool {
        let Some(record) = self.records.get_mut(&from) else {
            return true;
        };
        let ages = now.saturating_duration_since(record.at).as_millis();
        let forgiven = u32::try_from(ages / FORGIVEN_EVERY.as_millis()).unwrap_or(u32::MAX);
        record.wrong = record.wrong.saturating_sub(forgiven);
        record.at += FORGIVEN_EVERY * forgiven.min(IN_A_ROW_MAX);
        if record.wrong == 0 {
            self.records.remove(&from);
            return true;
        }
        record.wrong < IN_A_ROW_MAX
    }

    /// Notes a wrong one.
    pub(super) fn note_wrong(&mut self, from: IpAddr, now: Instant) {
        let is_new = !self.records.contains_key(&from);
        if is_new && self.records.len() >= ADDRESSES_MAX {
            let oldest = self.records.iter().min_by_key(|(_, record)| record.at);
            if let Some(address) = oldest.map(|(address, _)| *address) {
                self.records.remove(&address);
            }
        }
        let record = self
            .records
            .entry(from)
            .or_insert(Record { wrong: 0, at: now });
        record.wrong += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0A00_0000 + last).into()
    }

    #[test]
    fn who_is_wrong_too_often_waits_and_nobody_else() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..IN_A_ROW_MAX {
            assert!(attempts.may_try(address(1), start));
            attempts.note_wrong(address(1), start);
        }
        assert!(!attempts.may_try(address(1), start));
        assert!(attempts.may_try(address(2), start));
        let later = start + FORGIVEN_EVERY;
        assert!(attempts.may_try(address(1), later));
        attempts.note_wrong(address(1), later);
        assert!(!attempts.may_try(address(1), later));
        assert!(attempts.may_try(address(1), later + 100 * FORGIVEN_EVERY));
        assert!(attempts.records.is_empty());
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for number in 0..10 * ADDRESSES_MAX as u32 {
            attempts.note_wrong(address(number), start);
        }
        assert_eq!(attempts.records.len(), ADDRESSES_MAX);
    }
}
