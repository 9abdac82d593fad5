//! Unsigned numbers in as few bytes as they need: seven bits a byte, the lowest first, the top
//! bit set on all but the last.

use crate::error::Fault;

pub(super) fn push_varint(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number off the front of `input`.
#[inline]
pub(super) fn take_varint(input: &mut &[u8]) -> Result<usize, Fault> {
    match input.split_first() {
        // Most numbers are short, and many are read.
        Some((byte, rest)) if *byte < 0x80 => {
            *input = rest;
            Ok(usize::from(*byte))
        }
        _ => take_long(input),
    }
}

fn take_long(input: &mut &[u8]) -> Result<usize, Fault> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = input.split_first().ok_or(Fault::Truncated)?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).map_err(|_| Fault::Invalid("varint"));
        }
    }
    Err(Fault::Invalid("varint"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_endless_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, 1 << 32, (1 << 62) + 5] {
            let mut out = Vec::new();
            push_varint(&mut out, value);
            assert_eq!(take_varint(&mut &out[..]), Ok(value));
            out.pop();
            assert_eq!(take_varint(&mut &out[..]), Err(Fault::Truncated));
        }
        assert_eq!(take_varint(&mut &[0x80; 20][..]), Err(Fault::Invalid("varint")));
    }
}
