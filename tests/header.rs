//! The committed header is what cbindgen makes of the sources. `make header` runs this with `R2CREDS_WRITE_HEADER=1`.

use std::path::Path;

/// The header for the sources as they are now.
fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let (major, minor, patch) =
        (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH"));
    let version = format!(
        "\n/** The header's version, first part; `r2creds_version()` is the library's. */\n\
         #define R2CREDS_VERSION_MAJOR {major}\n\
         /** The second part. */\n\
         #define R2CREDS_VERSION_MINOR {minor}\n\
         /** The third part. */\n\
         #define R2CREDS_VERSION_PATCH {patch}\n\
         /** All three in one number that can be compared: 100 is 0.1.0. */\n\
         #define R2CREDS_VERSION_NUMBER \\\n    (R2CREDS_VERSION_MAJOR * 10000 + R2CREDS_VERSION_MINOR * 100 + R2CREDS_VERSION_PATCH)\n"
    );
    config.after_includes = Some(config.after_includes.unwrap_or_default() + "\n" + &version);
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(root.join("src/ffi/types.rs"))
        .with_src(root.join("src/ffi/mod.rs"))
        .generate()
        .unwrap()
        .write(&mut header);
    String::from_utf8(header).unwrap()
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
