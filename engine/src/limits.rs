//! The bounds of everything the engine holds; what a server allows is configured and lower.
