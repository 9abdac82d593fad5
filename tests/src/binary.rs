//! The `fumikura` program under test: built once for each test process, in the profile that the
//! tests themselves were built in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(build);

/// Where the program is. `FUMIKURA_BIN` names another one.
pub fn program() -> &'static Path {
    &PROGRAM
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this crate stands in the workspace").to_owned()
}

/// Runs the program to its end with nothing on standard input.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program under test was just built")
}

fn build() -> PathBuf {
    if let Some(named) = std::env::var_os("FUMIKURA_BIN") {
        return named.into();
    }
    let this_test = std::env::current_exe().expect("a running test has a path");
    let profile_dir = this_test
        .ancestors()
        .find(|dir| dir.ends_with("debug") || dir.ends_with("release"))
        .expect("cargo builds tests under target/debug or target/release");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository()).args(["build", "--quiet", "--package", "server"]);
    if profile_dir.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target_dir) = profile_dir.parent() {
        cargo.arg("--target-dir").arg(target_dir);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the program under test does not build");
    profile_dir.join("fumikura")
}
