//! What is made from `include/r2creds.h`, so that a field is written down once: the record of the ABI, the structs of
//! the Python package and the list of fields in the man page. `make header` runs this with `R2CREDS_WRITE_HEADER=1`,
//! which writes them; otherwise a file that is not what it would be made of today fails.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fmt::Write;
use std::path::Path;
use std::{fs, ptr};

use r2creds::ffi::{r2creds_error_free, r2creds_params, r2creds_sign};
use support::{RECORD, RECORDS, Record};

struct Struct {
    name: String,
    doc: Vec<String>,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    /// The type as the header spells it; for a callback the whole declaration.
    of: String,
    doc: Vec<String>,
}

impl Struct {
    /// Where each field begins, and the size of the whole, as C compilers of such platforms lay it out.
    fn layout(&self, platform: &Record) -> (Vec<usize>, usize) {
        let (mut offsets, mut end, mut alignment) = (Vec::new(), 0_usize, 1);
        for field in &self.fields {
            let own = if field.of == "int64_t" { platform.int64_alignment } else { field.size(platform) };
            let offset = end.next_multiple_of(own);
            offsets.push(offset);
            end = offset + field.size(platform);
            alignment = alignment.max(own);
        }
        (offsets, end.next_multiple_of(alignment))
    }
}

impl Field {
    fn is_pointer(&self) -> bool {
        self.of.contains('*')
    }

    fn size(&self, platform: &Record) -> usize {
        match self.of.as_str() {
            "int64_t" => 8,
            "int32_t" | "uint32_t" => 4,
            "size_t" => platform.pointer_size,
            _ if self.is_pointer() => platform.pointer_size,
            other => panic!("{}: tests/generated.rs knows no size of {other}", self.name),
        }
    }
}

/// A number of the header.
struct Constant {
    name: String,
    value: i64,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn is_make_header() -> bool {
    std::env::var_os("R2CREDS_WRITE_HEADER").is_some()
}

/// Fails where the file is another; `make header` writes it first.
fn is_or_becomes(path: &str, made: &str) {
    if is_make_header() {
        fs::write(root().join(path), made).unwrap();
    }
    assert!(read(path) == made, "{path} is stale: run 'make header'");
}

/// The structs and numbers of the header, in its order. It is made by cbindgen, so that its lines are regular.
fn header() -> (Vec<Struct>, Vec<Constant>) {
    let (mut structs, mut constants) = (Vec::<Struct>::new(), Vec::new());
    let mut doc = Vec::new();
    let mut is_inside = false;
    for line in read("include/r2creds.h").lines() {
        let text = line.trim();
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["/**", ..] => doc = Vec::new(),
            ["*/"] => {}
            ["*", ..] => doc.push(text[1..].trim().to_owned()),
            ["typedef", "struct", name, "{"] => {
                is_inside = true;
                structs.push(Struct { name: name.to_owned(), doc: std::mem::take(&mut doc), fields: Vec::new() });
            }
            ["}", _] => is_inside = false,
            _ if is_inside => {
                let declaration = text.strip_suffix(';').unwrap_or_else(|| panic!("not one field: {text}"));
                let (of, name) = match declaration.split_once("(*") {
                    Some((_, rest)) => (declaration, rest.split(')').next().unwrap()),
                    None => declaration.split_at(declaration.rfind([' ', '*']).unwrap() + 1),
                };
                let (name, of) = (name.to_owned(), of.trim().to_owned());
                structs.last_mut().unwrap().fields.push(Field { name, of, doc: std::mem::take(&mut doc) });
            }
            ["#define", name, value] if !name.starts_with("R2CREDS_VERSION_") => {
                constants.extend(value.parse().map(|value| Constant { name: name.to_owned(), value }));
            }
            _ => {}
        }
    }
    assert!(!structs.is_empty() && !constants.is_empty());
    (structs, constants)
}

/// The same in the order of the record, which is only appended to.
fn recorded() -> (Vec<Struct>, Vec<Constant>) {
    let record = read("tests/abi/layout.txt");
    let place = |line: String| record.lines().position(|other| other.starts_with(&line)).unwrap_or(usize::MAX);
    let (mut structs, mut constants) = header();
    structs.sort_by_key(|each| place(format!("struct {} ", each.name)));
    constants.sort_by_key(|each| place(format!("constant {} ", each.name)));
    (structs, constants)
}

#[test]
fn the_record_of_the_abi() {
    let (structs, constants) = recorded();
    for record in RECORDS {
        let mut made = String::new();
        for each in &structs {
            let (offsets, size) = each.layout(&record);
            writeln!(made, "struct {} {size}", each.name).unwrap();
            for (field, offset) in each.fields.iter().zip(offsets) {
                writeln!(made, "field {} {offset} {}", field.name, field.size(&record)).unwrap();
            }
        }
        for Constant { name, value } in &constants {
            writeln!(made, "constant {name} {value}").unwrap();
        }
        is_or_becomes(&format!("tests/abi/{}", record.file), &made);
    }
}

#[test]
fn the_names_that_checks_asks_rust_for() {
    let (structs, constants) = recorded();
    let mut made =
        String::from("// Made from include/r2creds.h by `make header`; checks.rs includes it.\nrust_layout! {\n");
    for Struct { name, fields, .. } in &structs {
        writeln!(made, "    {name} {{").unwrap();
        for field in fields {
            writeln!(made, "        {}", field.name).unwrap();
        }
        made += "    }\n";
    }
    made += "    ;\n";
    for Constant { name, .. } in &constants {
        writeln!(made, "    {name}").unwrap();
    }
    made += "}\n";
    is_or_becomes("tests/abi/layout.rs", &made);
}

/// `r2creds_client_options` is `ClientOptions` in Python.
fn class(of: &str) -> String {
    let words = of.strip_prefix("r2creds_").unwrap().split('_');
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn ctype(field: &Field) -> String {
    match field.of.as_str() {
        "const char *" => "c_char_p".into(),
        "const char *const *" => "POINTER(c_char_p)".into(),
        "int32_t (*poll)(void *poll_context)" => "POLL".into(),
        of => match of.strip_prefix("const struct ").and_then(|of| of.strip_suffix(" *const *")) {
            Some(pointed_to) => format!("POINTER(POINTER({}))", class(pointed_to)),
            // The library's own objects and the caller's context: nobody looks into them.
            None if field.is_pointer() => "c_void_p".into(),
            None if of == "size_t" => "c_size_t".into(),
            None => format!("c_{}", of.strip_suffix("_t").unwrap()),
        },
    }
}

#[test]
fn the_structs_of_the_python_package() {
    let mut made = String::from(
        r#""""The structs of r2creds.h, for ctypes. Made from it by ``make header``; do not edit."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_void_p

# int32_t (*poll)(void *poll_context)
POLL = CFUNCTYPE(c_int32, c_void_p)
"#,
    );
    // In the header's order, in which a struct comes before those that point to it.
    for Struct { name, fields, .. } in header().0 {
        writeln!(made, "\n\nclass {}(Structure):\n    _fields_ = [", class(&name)).unwrap();
        for field in &fields {
            writeln!(made, "        (\"{}\", {}),", field.name, ctype(field)).unwrap();
        }
        made += "    ]\n";
    }
    is_or_becomes("bindings/python/src/r2creds/_structs.py", &made);
}

/// A comment of the header as text of the man page.
fn mdoc(doc: &[String]) -> String {
    let mut text = doc.join(" ").replace('\\', "\\e").replace(" -1", " \\-1");
    while let Some((before, (code, after))) =
        text.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        text = format!("{before}\\fI{}\\fP{after}", code.replace('-', "\\-"));
    }
    let mut made = String::new();
    // Each sentence begins a line, so that the formatter puts its space between them.
    for sentence in text.split_inclusive(". ") {
        let mut line = String::new();
        for word in sentence.split_whitespace() {
            if line.len() + word.len() > 100 {
                made += &format!("{line}\n");
                line.clear();
            }
            // A line that begins with one of these would be an instruction to the formatter.
            line += match line.as_str() {
                "" if word.starts_with(['.', '\'']) => "\\&",
                "" => "",
                _ => " ",
            };
            line += word;
        }
        made += &format!("{line}\n");
    }
    made
}

const BEGIN: &str = ".\\\" Made from r2creds.h by `make header`, up to the line that says so; do not edit.\n";
const END: &str = ".\\\" The end of what `make header` makes.\n";

#[test]
fn the_fields_in_the_man_page() {
    let page = read("docs/r2creds.3");
    let (before, rest) = page.split_once(BEGIN).expect("docs/r2creds.3 has lost the line that `make header` looks for");
    let (_, after) = rest.split_once(END).expect("docs/r2creds.3 has lost the line that `make header` looks for");
    let mut made = String::new();
    for Struct { name, doc, fields } in recorded().0 {
        write!(made, ".Ss {name}\n{}.Bl -tag -width Ds\n", mdoc(&doc)).unwrap();
        for Field { name, of, doc, .. } in &fields {
            let declaration = if of.contains("(*") { of.clone() } else { format!("{of} {name}").replace("* ", "*") };
            write!(made, ".It Vt {declaration}\n{}", mdoc(doc)).unwrap();
        }
        made += ".El\n";
    }
    is_or_becomes("docs/r2creds.3", &[before, BEGIN, &made, END, after].concat());
}

/// The library would ignore a field that it forgets to read. So each field is given what none of its type takes: a text
/// that is not UTF-8, or a number of which every bit is set.
#[test]
fn the_library_reads_every_field_of_the_params() {
    if is_make_header() {
        return; // It only writes, while the library may not read the new field yet.
    }
    let (structs, _) = header();
    let params = structs.iter().find(|each| each.name == "r2creds_params").unwrap();
    let (offsets, _) = params.layout(&RECORD);
    let text = c"\xff".as_ptr();
    let valid = [
        ("account_id", c"account"),
        ("bucket", c"bucket"),
        ("parent_access_key_id", c"0123456789abcdef0123456789abcdef"),
        ("parent_secret_access_key", c"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ];
    for field in &params.fields {
        if field.name == "struct_size" || field.name.ends_with("_len") {
            continue;
        }
        let mut bytes = vec![0; size_of::<r2creds_params>()];
        let mut put = |name: &str, value: &[u8]| {
            let at = offsets[params.fields.iter().position(|field| field.name == name).unwrap()];
            bytes[at..at + value.len()].copy_from_slice(value);
        };
        put("struct_size", &size_of::<r2creds_params>().to_ne_bytes());
        put("permission", &1_i32.to_ne_bytes());
        for (name, value) in valid {
            put(name, &value.as_ptr().expose_provenance().to_ne_bytes());
        }
        match field.of.as_str() {
            "const char *" => put(&field.name, &text.expose_provenance().to_ne_bytes()),
            "const char *const *" => {
                put(&field.name, &(&raw const text).expose_provenance().to_ne_bytes());
                put(&format!("{}_len", field.name), &1_usize.to_ne_bytes());
            }
            _ => put(&field.name, &vec![0xff; field.size(&RECORD)]),
        }
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as the header wants it; the error is freed once.
        unsafe {
            // A copy, because bytes need not be aligned as the struct is.
            let params = bytes.as_ptr().cast::<r2creds_params>().read_unaligned();
            r2creds_sign(&raw const params, &raw mut out, &raw mut err);
            assert!(out.is_null(), "nothing in src reads {}", field.name);
            assert_eq!(CStr::from_ptr((*err).field).to_str(), Ok(field.name.as_str()));
            r2creds_error_free(err);
        }
    }
}
