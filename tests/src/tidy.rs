//! Rules about the source itself, checked by reading it as text.
//!
//! `tests/tests/tidy.rs` states the rules; here is what it takes to check them. Each check
//! returns what it found wrong, a `file:line: what` each.

mod layers;
mod paths;
mod source;

pub use layers::{LAYERS, Layer, SEPARATE, Separate};
pub use paths::{Names, Reference, references, root_names};
pub use source::{SourceFile, files, has_extension, rust_files};
