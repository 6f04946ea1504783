//! Compiles the `.proto` files in pure Rust, so that building Meros needs no protoc.

use std::error::Error;

const FILES: [&str; 6] = [
    "meros/v1/common.proto",
    "meros/v1/operator.proto",
    "meros/v1/demand.proto",
    "meros/v1/scheduler.proto",
    "meros/v1/agent.proto",
    "meros/v1/admin.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        // Ordered maps: the same message always has the same bytes, and an environment moves into the domain as it is.
        .btree_map(".")
        // Output is handed on without a copy.
        .bytes(".meros.v1.LogChunk.data")
        .compile_fds(files)?;
    Ok(())
}
