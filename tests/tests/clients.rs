//! Mail programs we did not write, run unattended against the server: what they transfer arrives
//! whole, plain and in TLS. Their packages stand in `ci/test`; one that is missing fails its test.

#[path = "clients/curl.rs"]
mod curl;
#[path = "clients/dkimpy.rs"]
mod dkimpy;
#[path = "clients/fetchmail.rs"]
mod fetchmail;
#[path = "clients/getmail.rs"]
mod getmail;
#[path = "clients/gsasl.rs"]
mod gsasl;
#[path = "clients/mbsync.rs"]
mod mbsync;
#[path = "clients/neomutt.rs"]
mod neomutt;
#[path = "clients/offlineimap.rs"]
mod offlineimap;
#[path = "clients/python.rs"]
mod python;
#[path = "clients/scene.rs"]
mod scene;
#[path = "clients/swaks.rs"]
mod swaks;
