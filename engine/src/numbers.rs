//! Message numbers in the order of the messages they belong to, packed: most follow one another.

use std::sync::Arc;

/// Numbers, packed as the zigzag varint of each one's distance from the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Arc<[u8]>);

impl Numbers {
    /// The packed bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes packed bytes over. Bytes that are none give numbers that are nobody's.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The numbers in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let (mut rest, mut number) = (&*self.0, 0_u64);
        std::iter::from_fn(move || {
            let distance = take(&mut rest)?;
            let distance = (distance >> 1) ^ 0_u64.wrapping_sub(distance & 1);
            number = number.wrapping_add(distance);
            Some(number)
        })
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let (mut bytes, mut before) = (Vec::new(), 0_u64);
        for number in numbers {
            let distance = number.wrapping_sub(before).cast_signed();
            push(&mut bytes, ((distance << 1) ^ (distance >> 63)).cast_unsigned());
            before = number;
        }
        Self(bytes.into())
    }
}

fn push(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_take_a_byte_each() {
        let numbers: Numbers = (1000..1064).collect();
        assert_eq!(numbers.as_bytes().len(), 65);
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<u64>(), 0..50)) {
            let packed: Numbers = numbers.iter().copied().collect();
            let again = Numbers::from_bytes(packed.as_bytes());
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), numbers);
        }

        #[test]
        fn any_bytes_are_some_numbers(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(Numbers::from_bytes(&bytes).iter().count() <= bytes.len());
        }
    }
}
