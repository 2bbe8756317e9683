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
/// Every size, offset and number of the ABI, one a line, for one kind of platform: `tests/abi/README.md`.
pub struct Record {
    pub file: &'static str,
    pub layout: &'static str,
    /// In bytes.
    pub pointer_size: usize,
    pub int64_alignment: usize,
}
pub const RECORD_64: Record =
    Record { file: "layout.txt", layout: include_str!("../../abi/layout.txt"), pointer_size: 8, int64_alignment: 8 };
pub const RECORD_32: Record = Record {
    file: "layout-32.txt",
    layout: include_str!("../../abi/layout-32.txt"),
    pointer_size: 4,
    int64_alignment: 8,
};
pub const RECORD_I686: Record = Record {
    file: "layout-i686.txt",
    layout: include_str!("../../abi/layout-i686.txt"),
    pointer_size: 4,
    int64_alignment: 4,
};
pub const RECORDS: [Record; 3] = [RECORD_64, RECORD_32, RECORD_I686];
/// The one for the platform that is tested.
pub const RECORD: Record = match (size_of::<usize>(), align_of::<i64>()) {
    (8, _) => RECORD_64,
    (_, 8) => RECORD_32,
    _ => RECORD_I686,
};
pub const LAYOUT: &str = RECORD.layout;
/// Every exported function, one a line.
pub const SYMBOLS: &str = include_str!("../../abi/symbols.txt");

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}
