//! A split for sets that come without one.

use super::Split;
use sha2::{Digest, Sha256};

/// One picture in so many is for validation.
const VAL_EVERY: u64 = 10;

/// The split of the picture of this name (without folder and extension). It depends on the
/// name alone, so that it is the same on every machine and stays when pictures are added.
pub fn split_of(name: &str) -> Split {
    let digest = Sha256::digest(name.as_bytes());
    let number = digest.iter().take(8).fold(0, |n, &b| n << 8 | u64::from(b));
    if number % VAL_EVERY == 0 {
        Split::Val
    } else {
        Split::Train
    }
}

/// What a user is told about it.
pub fn warning(instead_of: &str) -> String {
    format!(
        "no {instead_of}: one picture in {VAL_EVERY}, chosen by its name, is for validation; \
         where pictures of one drive are in both splits, the figures flatter"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_tenth_is_for_validation_and_stays_there() {
        let val = |n: &u32| split_of(&format!("{n:06}")) == Split::Val;
        let found: Vec<u32> = (0..7481).filter(val).collect();
        assert!((650..850).contains(&found.len()), "{}", found.len());
        assert_eq!(found[..3], [0, 1, 7]);
    }
}
