//! What is shipped for Linux and Windows helps no attacker, and does not say where it was built: the shared library,
//! the archive and the command line of any platform, from the folder in `R2CREDS_LIB_DIR`: that of a release build, or
//! of an installed tree's libraries.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use object::elf::*;
use object::pe::*;
use object::read::archive::ArchiveFile;
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader};
use object::read::pe::{ImageOptionalHeader, PeFile64};
use object::{Endianness, FileKind};
use support::files::{names, places};

/// The library, the archive and the program. None of them where no folder is named: what cargo builds for tests is not
/// what is shipped.
fn shipped() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("R2CREDS_LIB_DIR") else {
        std::io::stderr().write_all(b"left out: R2CREDS_LIB_DIR names no folder\n").unwrap();
        return Vec::new();
    };
    let folders = ["", "static", "..", "../bin"].map(|there| Path::new(&folder).join(there));
    let found = |file: &&str| folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file());
    let files = [["libr2creds.so", "r2creds.dll"], ["libr2creds.a", "r2creds.lib"], ["r2creds", "r2creds.exe"]];
    let one_of =
        |files: [&str; 2]| files.iter().find_map(found).unwrap_or_else(|| panic!("no {files:?} in {folders:?}"));
    files.map(one_of).into()
}

/// What speaks against a shared library or program for Linux.
fn elf_faults(bytes: &[u8]) -> Vec<&'static str> {
    let elf = ElfFile64::<Endianness>::parse(bytes).unwrap();
    let (header, endian) = (elf.elf_header(), elf.endian());
    let segments = header.program_headers(endian, bytes).unwrap();
    let of = |wanted| segments.iter().filter(move |segment| segment.p_type(endian) == wanted);
    let has = |wanted| of(wanted).next().is_some();
    let may = |segment: &ProgramHeader64<_>, flags: ProgramFlags| segment.p_flags(endian).contains(flags);
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, bytes).unwrap()).unwrap_or_default();
    let tag = |wanted| dynamic.iter().find(|entry| entry.d_tag(endian) == wanted).map(|entry| entry.d_val(endian));
    let flag = |wanted, flag: u64| tag(wanted).unwrap_or(0) & flag != 0;
    // A static program binds nothing that could be put off.
    let is_static = tag(DT_SONAME).is_none() && !has(PT_INTERP);
    let is_bound_at_once = is_static || flag(DT_FLAGS, DF_BIND_NOW.0) || flag(DT_FLAGS_1, DF_1_NOW.0);
    let conditions = [
        (header.e_type(endian) == ET_DYN, "it is always at the same address (no PIE)"),
        (has(PT_GNU_RELRO), "its tables of pointers stay writable (no RELRO)"),
        (is_bound_at_once, "its functions are bound late (no BIND_NOW)"),
        (has(PT_GNU_STACK) && of(PT_GNU_STACK).all(|segment| !may(segment, PF_X)), "it wants an executable stack"),
        (of(PT_LOAD).all(|segment| !may(segment, PF_W | PF_X)), "memory is writable and executable at once"),
        (tag(DT_TEXTREL).is_none() && !flag(DT_FLAGS, DF_TEXTREL.0), "its code is changed as it is loaded (TEXTREL)"),
        (tag(DT_RPATH).is_none() && tag(DT_RUNPATH).is_none(), "it says where to look for libraries (RPATH)"),
    ];
    conditions.iter().filter(|(holds, _)| !holds).map(|(_, fault)| *fault).collect()
}

/// The same for Windows.
fn pe_faults(bytes: &[u8]) -> Vec<&'static str> {
    let flags = PeFile64::parse(bytes).unwrap().nt_headers().optional_header.dll_characteristics();
    let conditions = [
        (IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "it is always at the same address"),
        (IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "its address is one of few"),
        (IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "its data may be executed"),
    ];
    conditions.iter().filter(|(flag, _)| !flags.contains(*flag)).map(|(_, fault)| *fault).collect()
}

/// A member of an archive for Linux without this empty section, or with it as code, gives the program that links it an
/// executable stack.
fn member_faults(bytes: &[u8]) -> Vec<&'static str> {
    let elf = ElfFile64::<Endianness>::parse(bytes).unwrap();
    let endian = elf.endian();
    let sections = elf.elf_section_table();
    let stack = sections.section_by_name(endian, b".note.GNU-stack");
    let is_code = |section: &SectionHeader64<_>| section.sh_flags(endian).contains(SHF_EXECINSTR);
    if stack.is_none_or(|(_, section)| is_code(section)) { vec!["it wants an executable stack"] } else { Vec::new() }
}

#[test]
fn the_linker_and_the_system_protect_it() {
    for path in shipped() {
        let bytes = fs::read(&path).unwrap();
        let faults = match FileKind::parse(&*bytes).unwrap() {
            FileKind::Elf64 => elf_faults(&bytes),
            FileKind::Pe64 => pe_faults(&bytes),
            FileKind::Archive => {
                let archive = ArchiveFile::parse(&*bytes).unwrap();
                let members = archive.members().map(|member| member.unwrap().data(&*bytes).unwrap());
                let for_linux = members.filter(|member| FileKind::parse(*member) == Ok(FileKind::Elf64));
                for_linux.flat_map(member_faults).collect()
            }
            other => panic!("{}: {other:?}", path.display()),
        };
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
    }
}

#[test]
fn it_does_not_say_where_it_was_built() {
    // And for what another machine has built: where homes are, and cargo's and rustup's folders.
    let anybodys = ["/home/", "/root/", "/Users/", r"C:\Users\", "registry/src/", "rustlib/src/"];
    for path in shipped() {
        let bytes = fs::read(&path).unwrap();
        for place in places() {
            assert!(!names(&bytes, &place), "{} names {place}", path.display());
        }
        for place in anybodys {
            let is_in = bytes.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!is_in, "{} names {place}", path.display());
        }
    }
}
