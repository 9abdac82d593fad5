//! Log-ins by other means than a password, over all protocols.

#[path = "log_in/certificate.rs"]
mod certificate;
#[path = "log_in/token.rs"]
mod token;
