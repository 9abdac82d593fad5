//! What all connections share: how many there may be, and how many bytes of unfinished messages
//! they may hold.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections there are, in all and from each address.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    open: Arc<Mutex<Open>>,
    total_max: usize,
    per_address_max: usize,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One admitted connection; dropping it makes room.
#[derive(Debug)]
pub struct Admission {
    limits: ConnectionLimits,
    address: IpAddr,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server is full.
    Total,
    /// The client's address has its share.
    Address,
}

impl ConnectionLimits {
    /// Nobody connected yet.
    pub fn new(total_max: usize, per_address_max: usize) -> Self {
        Self { open: Arc::default(), total_max, per_address_max }
    }

    /// Admits one more connection, if both limits allow it.
    pub fn admit(&self, address: IpAddr) -> Result<Admission, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total_max {
            return Err(Refusal::Total);
        }
        let from_address = open.by_address.get(&address).copied().unwrap_or(0);
        if from_address >= self.per_address_max {
            return Err(Refusal::Address);
        }
        open.total += 1;
        open.by_address.insert(address, from_address + 1);
        Ok(Admission { limits: self.clone(), address })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// How many bytes of messages that are being received may be held at one time.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    units: Arc<Semaphore>,
}

/// A share of the budget; grows with the message, ends when dropped.
#[derive(Debug)]
pub struct ByteShare {
    budget: ByteBudget,
    held: Option<OwnedSemaphorePermit>,
}

impl ByteBudget {
    /// A permit stands for so many bytes, because permits are counted in 32 bits.
    const UNIT: usize = 4096;

    /// The whole budget.
    pub fn new(bytes_max: usize) -> Self {
        let units = bytes_max.div_ceil(Self::UNIT).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)) }
    }

    /// A share of nothing yet.
    pub fn share(&self) -> ByteShare {
        ByteShare { budget: self.clone(), held: None }
    }
}

impl ByteShare {
    /// Whether the share could be made to cover `len` bytes. If not, the message must be
    /// refused for now; waiting while holding a part could lock all receivers against each
    /// other.
    #[must_use]
    pub fn cover(&mut self, len: usize) -> bool {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = len.div_ceil(ByteBudget::UNIT).saturating_sub(held);
        if missing == 0 {
            return true;
        }
        let Ok(missing) = u32::try_from(missing) else { return false };
        match Arc::clone(&self.budget.units).try_acquire_many_owned(missing) {
            Ok(more) => {
                match &mut self.held {
                    Some(held) => held.merge(more),
                    None => self.held = Some(more),
                }
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn one_address_cannot_take_the_others_share() {
        let limits = ConnectionLimits::new(3, 2);
        let first = limits.admit(address(1)).expect("room");
        let _second = limits.admit(address(1)).expect("room");
        assert_eq!(limits.admit(address(1)).err(), Some(Refusal::Address));
        let _other = limits.admit(address(2)).expect("room");
        assert_eq!(limits.admit(address(3)).err(), Some(Refusal::Total));
        drop(first);
        limits.admit(address(1)).expect("room again");
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let limits = ConnectionLimits::new(3, 2);
        drop(limits.admit(address(1)));
        assert!(limits.open.lock().expect("lock").by_address.is_empty());
    }

    #[test]
    fn receivers_share_the_budget_and_give_it_back() {
        let budget = ByteBudget::new(3 * ByteBudget::UNIT);
        let mut large = budget.share();
        assert!(large.cover(1));
        assert!(large.cover(2 * ByteBudget::UNIT));
        let mut other = budget.share();
        assert!(!other.cover(ByteBudget::UNIT + 1));
        assert!(other.cover(ByteBudget::UNIT));
        assert!(!large.cover(2 * ByteBudget::UNIT + 1));
        drop(large);
        assert!(other.cover(3 * ByteBudget::UNIT));
    }
}
