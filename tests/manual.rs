//! The manual: what Doxygen makes of the header's comments, and the man page.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::files::scratch;
use support::toolchain::{answers, is_installed};
use support::{HEADER, LAYOUT, SYMBOLS};

const PAGE: &str = include_str!("../docs/r2creds.3");

/// What `make docs` does, for this header.
fn manual(header: &str, name: &str) -> (Output, String) {
    let folder = scratch(name);
    fs::write(folder.join("r2creds.h"), header).unwrap();
    let settings = format!(
        "{}\nINPUT = \"{1}/r2creds.h\"\nOUTPUT_DIRECTORY = \"{1}\"\n",
        include_str!("../docs/Doxyfile"),
        folder.display()
    );
    let mut child = Command::new("doxygen")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output, fs::read_to_string(folder.join("html/index.html")).unwrap_or_default())
}

#[test]
fn the_manual_is_made_without_a_warning() {
    if !is_installed("doxygen") {
        return;
    }
    let (output, first_page) = manual(HEADER, "whole");
    let spoken = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && spoken.is_empty(), "{}\n{spoken}", output.status);
    for heading in ["Ownership", "Threads", "Versions"] {
        assert!(first_page.contains(&format!("{heading}</h2>")), "no heading {heading}");
    }
    for (change, from, to) in [
        ("a-field-without-a-word", "    int32_t reserved;\n", "    int32_t reserved;\n    int32_t more;\n"),
        ("a-parameter-of-another-name", "@param client ", "@param clients "),
    ] {
        let header = HEADER.replacen(from, to, 1);
        assert_ne!(header, HEADER, "{change}");
        assert!(!manual(&header, change).0.status.success(), "{change} went unnoticed");
    }
}

#[test]
fn the_man_page_is_well_formed() {
    // mandoc has no --version.
    if !answers("mandoc", "/dev/null") {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/r2creds.3");
    let lint = |path: &Path| Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(path).output().unwrap();
    let output = lint(&path);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.is_empty(), "{}\n{said}", output.status);
    let broken = scratch("broken").join("r2creds.3");
    fs::write(&broken, PAGE.replacen(".El\n", "", 1)).unwrap();
    assert!(!lint(&broken).status.success());
}

/// With one space between words, as C++ would write it.
fn plain(declaration: &str) -> String {
    let words: Vec<_> = declaration.split_whitespace().filter(|word| *word != "struct").collect();
    words.join(" ").replace("(struct ", "(")
}

#[test]
fn the_man_page_has_every_function_as_the_header_has_it() {
    let (_, synopsis) = PAGE.split_once(".Sh SYNOPSIS\n").unwrap();
    let (synopsis, _) = synopsis.split_once(".Sh DESCRIPTION\n").unwrap();
    let mut declarations = Vec::new();
    for line in synopsis.lines() {
        let (request, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = rest.trim_matches('"');
        match (request, declarations.last_mut()) {
            (".Ft", _) => declarations.push(format!("{text} ")),
            (".Fn", Some(declaration)) => {
                let (name, parameter) = text.split_once(' ').unwrap();
                *declaration += &format!("{name}({});", parameter.trim_matches('"'));
            }
            (".Fo", Some(declaration)) => *declaration += &format!("{text}("),
            (".Fa", Some(declaration)) => *declaration += &format!("{text}, "),
            (".Fc", Some(declaration)) => *declaration = format!("{});", declaration.trim_end_matches(", ")),
            _ => assert_eq!(line, ".In r2creds.h"),
        }
    }
    let header = plain(HEADER);
    for declaration in &declarations {
        // A pointer's star belongs to the name in the header.
        assert!(header.contains(&format!("R2CREDS_API {}", declaration.replace("* ", "*"))), "{declaration}");
    }
    for function in SYMBOLS.lines() {
        assert!(declarations.iter().any(|declaration| declaration.contains(&format!("{function}("))), "{function}");
        assert!(PAGE.contains(&format!(".Nm {function}")), "{function}");
        // Declared, and explained.
        assert!(PAGE.matches(function).count() >= 3, "{function}");
    }
}

#[test]
fn the_man_page_names_every_field_and_number() {
    let words: Vec<_> = PAGE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for line in LAYOUT.lines() {
        let name = line.split(' ').nth(1).unwrap();
        let short = name.strip_prefix("R2CREDS_STATUS_").unwrap_or(name);
        // The page says once that lists have a length, that structs have an initialiser, and where the details are.
        let is_implied = name.ends_with("_len")
            || name.starts_with("R2CREDS_JURISDICTION_")
            || ["struct_size", "reserved", "r2creds_api_error", "R2CREDS_PERMISSION_UNSET"].contains(&name);
        assert!(is_implied || words.contains(&name) || words.contains(&short), "{name}");
    }
    for variable in ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_BASE_URL", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_DIR"] {
        assert!(HEADER.contains(variable) && words.contains(&variable), "{variable}");
    }
}
