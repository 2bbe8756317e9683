//! Programs of earlier releases: what `tests/abi/<version>/` has frozen still holds today. README.md there says how a
//! release is frozen.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::files::scratch;
use support::scripted::http;
use support::toolchain::{Compiler, each_way, is_installed, succeeded};
use support::{HEADER, LAYOUT, RECORD_64, RECORDS, SYMBOLS, root};

/// Version and folder of each.
fn releases() -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir(root().join("tests/abi")).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), path);
    let releases: Vec<_> = folders.filter(|path| path.is_dir()).map(named).collect();
    assert!(releases.iter().any(|(version, _)| version == "0.1.0"));
    releases
}

#[test]
fn every_release_is_frozen() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    for version in headings.filter(|heading| !heading.contains("unreleased")) {
        let version = version.split(' ').next().unwrap();
        assert!(releases().iter().any(|(frozen, _)| frozen == version), "{version} has no folder: make freeze");
    }
    for (version, folder) in releases() {
        let header = fs::read_to_string(folder.join("r2creds.h")).unwrap();
        for (part, number) in ["MAJOR", "MINOR", "PATCH"].iter().zip(version.split('.')) {
            assert!(header.contains(&format!("#define R2CREDS_VERSION_{part} {number}\n")), "{version}");
        }
    }
}

#[test]
fn programs_of_every_release_run_with_this_library() {
    let headers = releases().into_iter().map(|(_, folder)| folder);
    // Today's as well: what compiled still compiles.
    for headers in headers.chain([root().join("include")]) {
        // Relative, because flags become part of a file's name. Tests run in the root.
        let flag = format!("-I{}", headers.strip_prefix(root()).unwrap().display());
        each_way("tests/abi/program.c", [Compiler::Gcc, Compiler::Clang], &[&flag], |program| {
            program.run(&[&http().url()]);
        });
    }
}

/// The first line of a frozen record that today's does not keep.
fn lost(frozen: &str, today: &str) -> Option<String> {
    let mut of = "";
    for line in frozen.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let kept = match words[0] {
            "struct" => {
                of = words[1];
                let size = today.lines().find_map(|line| line.strip_prefix(&format!("struct {of} ")));
                size.is_some_and(|size| size.parse::<u32>().unwrap() >= words[2].parse().unwrap())
            }
            "field" => {
                let of = format!("struct {of} ");
                let fields = today.lines().skip_while(|line| !line.starts_with(&of)).skip(1);
                fields.take_while(|line| line.starts_with("field ")).any(|field| field == line)
            }
            _ => today.lines().any(|kept| kept == line),
        };
        if !kept {
            return Some(format!("{of} {line}"));
        }
    }
    None
}

#[test]
fn no_symbol_size_offset_or_number_of_a_release_is_lost() {
    for (version, folder) in releases() {
        for record in RECORDS {
            let layout = fs::read_to_string(folder.join(record.file)).unwrap();
            assert!(layout.contains("struct r2creds_params "), "{version}");
            assert_eq!(lost(&layout, record.layout), None, "{version}, {}", record.file);
        }
        let symbols = fs::read_to_string(folder.join("symbols.txt")).unwrap();
        assert!(symbols.contains("r2creds_sign\n"), "{version}");
        assert_eq!(lost(&symbols, SYMBOLS), None, "{version}");
    }
}

#[test]
fn a_lost_symbol_size_offset_or_number_is_noticed() {
    let record = RECORD_64.layout;
    let without = |line: &str| record.replace(&format!("{line}\n"), "");
    for (change, today) in [
        ("a smaller struct", record.replace("struct r2creds_error 96", "struct r2creds_error 88")),
        ("a moved field", record.replace("field bucket 16 8", "field bucket 24 8")),
        ("a renamed field", record.replace("field bucket 16 8", "field place 16 8")),
        ("no field", without("field timeout_ms 56 4")),
        // Every struct has this one, and none stands in for another.
        ("no field here", record.replace("error 96\nfield struct_size 0 8\n", "error 96\n")),
        ("another number", record.replace("STATUS_TLS 201", "STATUS_TLS 202")),
        ("no number", without("constant R2CREDS_STATUS_TLS 201")),
    ] {
        assert_ne!(today, record, "{change}");
        assert!(lost(record, &today).is_some(), "{change}");
    }
    assert!(lost(SYMBOLS, &SYMBOLS.replace("r2creds_sign\n", "")).is_some());
    let longer = record.replace("struct r2creds_error 96", "struct r2creds_error 104") + "constant R2CREDS_NEW 1\n";
    assert_eq!(lost(record, &longer), None);
}

/// An object with the types of all these structs and functions, as the header in this folder has them.
fn object(headers: &Path, layout: &str, symbols: &str, name: &str) -> PathBuf {
    let mut source = String::from("#include \"r2creds.h\"\n");
    for line in layout.lines().filter_map(|line| line.strip_prefix("struct ")) {
        let of = line.split(' ').next().unwrap();
        writeln!(source, "{of} *the_{of};").unwrap();
    }
    for function in symbols.lines() {
        writeln!(source, "__typeof__({function}) *the_{function};").unwrap();
    }
    let folder = scratch(name);
    let (file, object) = (folder.join("types.c"), folder.join("types.o"));
    fs::write(&file, source).unwrap();
    succeeded(Command::new("gcc").args(["-g", "-c", "-I"]).arg(headers).arg(&file).arg("-o").arg(&object));
    object
}

/// What abidiff says about two such objects, less what may happen: fields behind the last one.
fn incompatible(old: &Path, new: &Path) -> String {
    let output = Command::new("abidiff").arg("--leaf-changes-only").args([old, new]).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    // Bits: 1 and 2 are failures of the tool, 4 is a change, 8 one that is never compatible.
    let code = output.status.code().unwrap();
    assert_eq!(code & 3, 0, "{code}: {report}{}", String::from_utf8_lossy(&output.stderr));
    let mut end = 0;
    let mut is_appended = |line: &str| {
        if let Some(sizes) = line.strip_prefix("type size changed from ") {
            let mut sizes = sizes.split(' ').filter_map(|word| word.parse::<u32>().ok());
            end = sizes.next().unwrap();
            return sizes.next().unwrap() > end;
        }
        let offset = line.split("', at offset ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        line.is_empty()
            || line.contains(" summary: ")
            || (line.starts_with("'struct ") && line.ends_with(" changed:"))
            || line.ends_with(" data member insertion:")
            || line.ends_with(" data member insertions:")
            || offset.is_some_and(|offset| offset >= end)
    };
    let rest: Vec<_> = report.lines().filter(|line| !is_appended(line.trim())).collect();
    assert!(code != 0 || rest.is_empty(), "{report}");
    if code & 8 != 0 { report } else { rest.join("\n") }
}

#[test]
fn abidiff_finds_nothing_incompatible_with_a_release() {
    if !is_installed("abidiff") {
        return;
    }
    for (version, folder) in releases() {
        let layout = fs::read_to_string(folder.join("layout.txt")).unwrap();
        let symbols = fs::read_to_string(folder.join("symbols.txt")).unwrap();
        let [old, new] = [("old", folder), ("new", root().join("include"))]
            .map(|(name, headers)| object(&headers, &layout, &symbols, &format!("{version}-{name}")));
        assert_eq!(incompatible(&old, &new), "", "{version}");
    }
}

#[test]
fn abidiff_notices_a_change() {
    if !is_installed("abidiff") {
        return;
    }
    let old = object(&root().join("include"), LAYOUT, SYMBOLS, "today");
    for (change, from, to, is_compatible) in [
        ("field-in-the-middle", "    const char *bucket;\n", "    int64_t more;\n    const char *bucket;\n", false),
        ("field-gone", "    int32_t attempts;\n", "", false),
        ("field-of-another-sign", "    uint32_t ttl_seconds;", "    int32_t ttl_seconds;", false),
        ("callback-of-another-type", "int32_t (*poll)", "int64_t (*poll)", false),
        ("other-result", "uint32_t r2creds_abi_version", "uint64_t r2creds_abi_version", false),
        ("parameter-gone", "r2creds_status_name(r2creds_status status)", "r2creds_status_name(void)", false),
        ("status-of-another-type", "typedef int32_t r2creds_status;", "typedef int64_t r2creds_status;", false),
        ("field-at-the-end", "    int32_t attempts;\n", "    int32_t attempts;\n    int64_t more;\n", true),
        ("function", "R2CREDS_API uint32_t", "R2CREDS_API void r2creds_more(void);\nR2CREDS_API uint32_t", true),
    ] {
        let header = HEADER.replacen(from, to, 1);
        assert_ne!(header, HEADER, "{change}");
        let folder = scratch(change);
        fs::write(folder.join("r2creds.h"), header).unwrap();
        let report = incompatible(&old, &object(&folder, LAYOUT, SYMBOLS, change));
        assert_eq!(report.is_empty(), is_compatible, "{change}: {report}");
    }
}
