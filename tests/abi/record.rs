//! The ABI against its record: `layout.txt` and its neighbours (sizes, offsets, numbers) and `symbols.txt` (exports),
//! and what the shared library says about itself. The record changes only by appending.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use object::Object;
use r2creds::ffi::*;
use support::toolchain::{Compiler, compile, is_installed, library, succeeded};
use support::{HEADER, LAYOUT, RECORD_32, RECORD_64, RECORD_I686, Record, SYMBOLS, root};

/// The lines of the record for these structs and constants, as Rust sees them.
macro_rules! rust_layout {
    ($($struct:ident { $($field:ident)* })* ; $($constant:ident)*) => {{
        let mut lines = String::new();
        $(
            writeln!(lines, "struct {} {}", stringify!($struct), size_of::<$struct>()).unwrap();
            $(
                let (offset, size) = (std::mem::offset_of!($struct, $field), size_of_field(|of: &$struct| &of.$field));
                writeln!(lines, "field {} {offset} {size}", stringify!($field)).unwrap();
            )*
        )*
        $( writeln!(lines, "constant {} {}", stringify!($constant), $constant).unwrap(); )*
        lines
    }};
}

fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

#[test]
fn rust_has_the_recorded_layout() {
    let layout = include!("layout.rs");
    assert_eq!(layout, LAYOUT);
}

#[test]
fn c_and_cpp_have_the_recorded_layout() {
    // Generated from the record, so that there is no third list to forget.
    let mut source = String::from("#include <stdio.h>\n#include \"r2creds.h\"\nint main(void)\n{\n");
    let mut of = "";
    for line in LAYOUT.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[0] {
            "struct" => {
                of = words[1];
                writeln!(source, "printf(\"struct {of} %lu\\n\", (unsigned long)sizeof({of}));")
            }
            "field" => {
                let field = words[1];
                writeln!(
                    source,
                    "printf(\"field {field} %lu %lu\\n\", (unsigned long)offsetof({of}, {field}), \
                     (unsigned long)sizeof((({of} *)NULL)->{field}));"
                )
            }
            "constant" => writeln!(source, "printf(\"constant {0} %ld\\n\", (long)({0}));", words[1]),
            other => panic!("{other}"),
        }
        .unwrap();
    }
    source.push_str("return 0;\n}\n");
    for compiler in Compiler::installed([Compiler::Gcc, Compiler::Clang, Compiler::Gxx]) {
        let program = compile(&compiler.source("layout", &source), compiler, &[]);
        let printed = String::from_utf8(succeeded(&mut Command::new(program)).stdout).unwrap();
        assert_eq!(printed, LAYOUT, "{compiler:?}");
    }
}

/// Each record, whatever platform this is: compilers for its platforms compile assertions, which need no library.
#[test]
fn compilers_for_each_width_have_its_record() {
    let assertions = |record: &Record| {
        let mut source = String::from("#include \"r2creds.h\"\n");
        let mut of = "";
        for line in record.layout.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let holds = match words[..] {
                ["struct", name, size] => {
                    of = name;
                    format!("sizeof({of}) == {size}")
                }
                ["field", name, offset, size] => {
                    format!("offsetof({of}, {name}) == {offset} && sizeof((({of} *)0)->{name}) == {size}")
                }
                _ => continue,
            };
            writeln!(source, "_Static_assert({holds}, \"{of}\");").unwrap();
        }
        Compiler::Clang.source(record.file, &source)
    };
    for (record, targets) in [
        (RECORD_64, &["x86_64-linux-gnu", "aarch64-linux-gnu", "arm64-apple-macos", "x86_64-windows-msvc"][..]),
        (RECORD_32, &["armv7-linux-gnueabihf", "i686-windows-msvc"]),
        (RECORD_I686, &["i686-linux-gnu"]),
    ] {
        let source = assertions(&record);
        for target in targets {
            if is_installed("clang") {
                // Freestanding, because no other platform's libc is here.
                let mut clang = Command::new("clang");
                clang.args(["-target", target, "-std=c11", "-ffreestanding", "-fsyntax-only", "-I"]);
                succeeded(clang.arg(root().join("include")).arg(&source));
            }
        }
    }
}

/// Structs that callers fill have none anywhere, because the library asks whether all of the rest is zero. Of those that
/// it fills two have some where pointers have 4 bytes and an `int64_t` is aligned to 8.
#[test]
fn structs_have_no_padding() {
    for (record, padded) in
        [(RECORD_64, &[][..]), (RECORD_32, &["r2creds_error", "r2creds_inspection"]), (RECORD_I686, &[])]
    {
        let mut sizes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut of = "";
        for line in record.layout.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<usize>().unwrap();
            match words[0] {
                "struct" => {
                    of = words[1];
                    sizes.insert(of, (number(2), 0));
                }
                "field" => sizes.get_mut(of).unwrap().1 += number(3),
                _ => {}
            }
        }
        assert_eq!(sizes.len(), 10);
        let found: Vec<_> = sizes.into_iter().filter(|(_, (size, sum))| size != sum).map(|(name, _)| name).collect();
        assert_eq!(found, padded, "{}", record.file);
    }
}

#[test]
fn the_record_has_every_number_and_struct_of_the_header() {
    for line in HEADER.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["#define", name, number] if number.parse::<i64>().is_ok() && !name.starts_with("R2CREDS_VERSION_") => {
                let recorded = format!("constant {name} {number}");
                assert!(LAYOUT.lines().any(|line| line == recorded), "not in the record: {recorded}");
            }
            ["typedef", "struct", name, "{"] => {
                let recorded = format!("struct {name} ");
                assert!(LAYOUT.lines().any(|line| line.starts_with(&recorded)), "not in the record: {recorded}");
            }
            _ => {}
        }
    }
    for name in SYMBOLS.lines() {
        assert!(HEADER.contains(&format!("{name}(")), "not in the header: {name}");
    }
}

#[test]
fn every_status_has_its_name() {
    let name = |status| unsafe { CStr::from_ptr(r2creds_status_name(status)) }.to_str().unwrap();
    let recorded: BTreeMap<i32, &str> = LAYOUT
        .lines()
        .filter_map(|line| line.strip_prefix("constant R2CREDS_STATUS_")?.split_once(' '))
        .map(|(name, number)| (number.parse().unwrap(), name))
        .collect();
    assert_eq!(recorded.len(), 20);
    for number in (-1..1000).chain([i32::MIN, i32::MAX]) {
        assert_eq!(name(number), *recorded.get(&number).unwrap_or(&"UNKNOWN"), "{number}");
    }
}

#[test]
fn the_versions_agree() {
    let version = unsafe { CStr::from_ptr(r2creds_version()) }.to_str().unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert_eq!(r2creds_abi_version(), R2CREDS_ABI_VERSION);
    // The same question to the library that is shipped, with the header's macros.
    let source = r#"
        #include <stdio.h>
        #include "r2creds.h"
        int main(void)
        {
            printf("%d.%d.%d %d %s %d %u\n", R2CREDS_VERSION_MAJOR, R2CREDS_VERSION_MINOR, R2CREDS_VERSION_PATCH,
                   R2CREDS_VERSION_NUMBER, r2creds_version(), R2CREDS_ABI_VERSION, (unsigned)r2creds_abi_version());
            return 0;
        }
    "#;
    let program = compile(&Compiler::Gcc.source("version", source), Compiler::Gcc, &[]);
    let printed = String::from_utf8(succeeded(&mut Command::new(program)).stdout).unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    let number = parts[0] * 10_000 + parts[1] * 100 + parts[2];
    assert_eq!(printed, format!("{version} {number} {version} 0 0\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_shared_library_exports_what_is_recorded_and_stays_mapped() {
    let bytes = fs::read(library()).unwrap();
    let read = object::File::parse(&*bytes).unwrap();
    let mut exported = Vec::new();
    for export in read.exports().unwrap() {
        exported.push(String::from_utf8(export.unwrap().name().name().unwrap().to_vec()).unwrap());
    }
    exported.sort_unstable();
    assert_eq!(exported, SYMBOLS.lines().collect::<Vec<_>>());
    if library().extension().is_none_or(|extension| extension != "so") {
        return;
    }

    let dynamic = succeeded(Command::new("readelf").arg("-d").arg(library()));
    let dynamic = String::from_utf8(dynamic.stdout).unwrap();
    let soname = format!("[libr2creds.so.{R2CREDS_ABI_VERSION}]");
    assert!(dynamic.lines().any(|line| line.contains("(SONAME)") && line.contains(&soname)), "{dynamic}");
    assert!(dynamic.lines().any(|line| line.contains("(FLAGS_1)") && line.contains("NODELETE")), "{dynamic}");
}

/// Alone, twice, and with every initialiser, in each language it is for.
#[test]
fn the_header_compiles_without_a_warning() {
    let source = r#"
        #include "r2creds.h"
        #include "r2creds.h"
        r2creds_params params = R2CREDS_PARAMS_INIT;
        r2creds_client_options client_options = R2CREDS_CLIENT_OPTIONS_INIT;
        r2creds_request_options request_options = R2CREDS_REQUEST_OPTIONS_INIT;
        static struct r2creds_params tagged = R2CREDS_PARAMS_INIT;
        int main(void)
        {
            r2creds_params on_the_stack = R2CREDS_PARAMS_INIT;
            r2creds_status status = R2CREDS_STATUS_OK;
            r2creds_permission permission = R2CREDS_PERMISSION_UNSET;
            r2creds_jurisdiction jurisdiction = R2CREDS_JURISDICTION_DEFAULT;
            const r2creds_params *read = &on_the_stack;
            return status + permission + jurisdiction + !R2CREDS_HAS(read, reserved) + (tagged.bucket != NULL);
        }
    "#;
    for compiler in Compiler::installed([Compiler::Gcc, Compiler::Clang, Compiler::Gxx, Compiler::Clangxx]) {
        let path = compiler.source("header", source);
        for standard in compiler.standards() {
            let program =
                compile(&path, compiler, &[standard, "-Wshadow", "-Wundef", "-Wcast-qual", "-DR2CREDS_STATIC"]);
            succeeded(&mut Command::new(program));
        }
    }
    assert!(Path::new(&Compiler::Gcc.source("header", source)).exists());
}
