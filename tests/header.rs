//! The committed header is what the sources make. `make header` runs this with `R2CREDS_WRITE_HEADER=1`.

use std::path::Path;

const MANUAL: &str = include_str!("../src/ffi/manual.h");

/// What cbindgen makes of the sources as they are now.
fn declarations() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut declarations = Vec::new();
    cbindgen::Builder::new()
        .with_config(cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap())
        .with_src(root.join("src/ffi/types.rs"))
        .with_src(root.join("src/ffi/mod.rs"))
        .generate()
        .unwrap()
        .write(&mut declarations);
    String::from_utf8(declarations).unwrap()
}

/// The values that initialise a struct: its size, then NULL for each pointer and 0 for each number. C and C++ compilers
/// warn about a field that is left out, and about a 0 that is a pointer.
fn zero(name: &str, declarations: &str) -> String {
    let (_, body) = declarations.split_once(&format!("\ntypedef struct {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let is_comment = |line: &&str| line.trim_start().starts_with(['/', '*']);
    let code: String = body.lines().filter(|line| !is_comment(line)).collect();
    let fields: Vec<_> = code.split_terminator(';').collect();
    assert!(fields[0].ends_with(" struct_size"), "{name}");
    let zeros = fields[1..].iter().map(|field| if field.contains('*') { ", NULL" } else { ", 0" });
    format!("sizeof({name}){}", zeros.collect::<String>())
}

/// The header for the sources as they are now: the manual, with its placeholders filled in.
fn generated() -> String {
    let declarations = declarations();
    // The first comment is about the placeholders.
    let (_, manual) = MANUAL.split_once(" */\n\n").unwrap();
    let mut header = manual
        .replace("@DECLARATIONS@", declarations.trim())
        .replace("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR"))
        .replace("@MINOR@", env!("CARGO_PKG_VERSION_MINOR"))
        .replace("@PATCH@", env!("CARGO_PKG_VERSION_PATCH"));
    while let Some((before, rest)) = header.split_once("@ZERO ") {
        let (name, after) = rest.split_once('@').unwrap();
        header = format!("{before}{}{after}", zero(name, &declarations));
    }
    header
}

#[test]
fn the_committed_header_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/r2creds.h");
    let header = generated();
    if std::env::var_os("R2CREDS_WRITE_HEADER").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == header,
        "include/r2creds.h is stale: run 'make header'"
    );
}
