//! Holds the committed generated code and descriptors to the `.proto` files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{fs, path::Path};

use prost::Message;

/// What is generated, beside its name in `src/gen`.
fn fresh(room: &Path) -> [(&'static str, Vec<u8>); 2] {
    let mut descriptors =
        protox::compile(["sheaf/v1/fleet.proto", "sheaf/v1/job.proto"], [room.join("proto")])
            .expect("the .proto files compile");
    let folder = tempfile::tempdir().expect("a temporary folder");
    tonic_prost_build::configure()
        .bytes(".")
        // How a connection is made is the caller's.
        .build_transport(false)
        .out_dir(folder.path())
        .compile_fds(descriptors.clone())
        .expect("code is generated");
    let code = fs::read(folder.path().join("sheaf.v1.rs")).expect("the generator wrote its file");
    for file in &mut descriptors.file {
        // Comments and places in the text: as long as the rest together, and of no use to those who ask.
        file.source_code_info = None;
    }
    [("sheaf.v1.rs", code), ("sheaf.v1.bin", descriptors.encode_to_vec())]
}

#[test]
fn generated_code_matches_the_proto_files() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, wanted) in fresh(room) {
        let committed = room.join("src/gen").join(name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&committed, wanted).expect("what is generated is written");
            continue;
        }
        let found = fs::read(&committed).unwrap_or_default();
        assert!(
            found == wanted,
            "proto/src/gen/{name} is out of date: run UPDATE_GENERATED=1 cargo test -p sheaf-proto"
        );
    }
}
