//! The `fumikura` command.

fn main() {}
