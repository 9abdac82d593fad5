//! Rules about the source itself, checked by reading it as text.
