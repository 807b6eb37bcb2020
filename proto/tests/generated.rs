//! Holds the committed generated code to the `.proto` files.

use std::{fs, path::Path};

#[test]
fn generated_code_matches_the_proto_files() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile(["sheaf/v1/job.proto"], [room.join("proto")]).expect("the .proto files compile");
    let fresh = tempfile::tempdir().expect("a temporary folder");
    prost_build::Config::new()
        .bytes(["."])
        .out_dir(fresh.path())
        .compile_fds(descriptors)
        .expect("code is generated");
    let wanted = fs::read_to_string(fresh.path().join("sheaf.v1.rs")).expect("the generator wrote its file");
    let committed = room.join("src/gen/sheaf.v1.rs");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&committed, wanted).expect("the generated code is written");
        return;
    }
    let found = fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        found == wanted,
        "proto/src/gen is out of date: run UPDATE_GENERATED=1 cargo test -p sheaf-proto"
    );
}
