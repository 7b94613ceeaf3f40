//! Who is connected: so many at a time, and not all of them from one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections at a time.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// Connections at a time from one address: two browsers with all that they open. This machine's
/// own address may have all, because what comes through a tunnel or a proxy comes from there.
const OF_ONE_ADDRESS_MAX: usize = 16;

/// How many are connected from where.
#[derive(Clone, Debug, Default)]
pub(super) struct Guests(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

impl Guests {
    /// A place for somebody at `from`, if there is one.
    pub(super) fn join(&self, from: IpAddr) -> Option<Guest> {
        let from = from.to_canonical();
        let mut present = self.lock();
        let all: usize = present.values().sum();
        let own = present.get(&from).copied().unwrap_or(0);
        if all >= CONNECTIONS_MAX || own >= OF_ONE_ADDRESS_MAX && !from.is_loopback() {
            return None;
        }
        present.insert(from, own + 1);
        let all = self.clone();
        Some(Guest { all, from })
    }

    /// How many are connected.
    pub(super) fn count(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken as long as this lives.
#[derive(Debug)]
pub(super) struct Guest {
    all: Guests,
    from: IpAddr,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut present = self.all.lock();
        if let Some(own) = present.get_mut(&self.from) {
            *own -= 1;
            if *own == 0 {
                present.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 168, 1, last).into()
    }

    fn take(guests: &Guests, from: IpAddr, count: usize) -> Vec<Guest> {
        (0..count).map_while(|_| guests.join(from)).collect()
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let guests = Guests::default();
        let greedy = take(&guests, address(1), 1000);
        assert_eq!(greedy.len(), OF_ONE_ADDRESS_MAX);
        // The same address in the other notation is nobody else.
        let mapped = Ipv4Addr::new(192, 168, 1, 1).to_ipv6_mapped();
        assert!(guests.join(mapped.into()).is_none());
        let other = guests.join(address(2));
        assert!(other.is_some());
        drop(greedy);
        assert_eq!(guests.count(), 1);
        assert!(guests.join(address(1)).is_some());
        drop(other);
        assert!(guests.lock().is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_wherever_they_are_from() {
        for from in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let guests = Guests::default();
            assert_eq!(take(&guests, from, 1000).len(), CONNECTIONS_MAX);
        }
        let guests = Guests::default();
        let all: Vec<Guest> = (0..100)
            .flat_map(|last| take(&guests, address(last), 3))
            .collect();
        assert_eq!(
            (all.len(), guests.count()),
            (CONNECTIONS_MAX, CONNECTIONS_MAX)
        );
        assert!(guests.join(address(200)).is_none());
    }
}
