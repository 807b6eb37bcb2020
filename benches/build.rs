//! Notes the compiler's version, which figures are told with.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!(
        "cargo::rustc-env=SHEAF_RUSTC={}",
        version.unwrap_or_else(|| "rustc of unknown version".to_owned())
    );
}
