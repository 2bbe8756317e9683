//! What several suites of `tests/` share. What only one of them uses stands in that suite.

pub mod calls;
pub mod certificates;
pub mod files;
pub mod process;
pub mod scripted;
pub mod server;
pub mod timing;
// Its compilers run here, for whichever platform they compile.
#[cfg(unix)]
pub mod toolchain;

use std::path::Path;

pub const HEADER: &str = include_str!("../../../include/r2creds.h");
/// Every size, offset and number of the ABI, one a line: `tests/abi/README.md`.
pub const LAYOUT: &str = include_str!("../../abi/layout.txt");
/// Every exported function, one a line.
pub const SYMBOLS: &str = include_str!("../../abi/symbols.txt");

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}
