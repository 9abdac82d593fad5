//! What the commands of RFC 9208 are given.

/// SETQUOTA's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetQuota {
    /// The quota root: a user's address.
    pub root: String,
    /// Resources, upper case, with their limits; those that are not named have none.
    pub limits: Vec<(String, u64)>,
}
