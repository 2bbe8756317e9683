//! The library as C and C++ programs get it: `make install`, `make dist` and the vendored build, and programs in
//! `tests/consumers` that find it, link it and run with it; also with an older, a newer and a second one.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use support::files::{names, places, scratch};
use support::toolchain::{is_installed, succeeded};
use support::{HEADER, SYMBOLS};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const SANITIZED: [&str; 3] = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

fn consumer(name: &str) -> PathBuf {
    Path::new(ROOT).join("tests/consumers").join(name)
}

/// A scratch folder without what an earlier run left in it.
fn fresh(name: &str) -> PathBuf {
    let folder = scratch(name);
    fs::remove_dir_all(&folder).unwrap();
    scratch(name)
}

/// A command that knows nothing of the checkout, of cargo or of this process's environment.
fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(scratch("elsewhere"));
    command
}

/// `make` in the checkout, one at a time. What cargo and an outer make have told this test is not for it.
fn make(arguments: &[&str]) {
    static ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE.lock();
    let mut command = Command::new("make");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_inner = text.starts_with("CARGO") && text != "CARGO_HOME";
        if is_inner || text.starts_with("MAKE") || ["MFLAGS", "DESTDIR", "PREFIX", "LIBDIR"].contains(&&*text) {
            command.env_remove(name);
        }
    }
    succeeded(command.arg("--no-print-directory").args(arguments).current_dir(ROOT));
}

/// An installed tree.
struct Tree {
    prefix: PathBuf,
    libdir: PathBuf,
}

impl Tree {
    fn new(prefix: PathBuf, libdir: &str) -> Self {
        Tree { libdir: prefix.join(libdir), prefix }
    }

    fn pkg_config(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = clean("pkg-config");
        let output = succeeded(command.env("PKG_CONFIG_LIBDIR", self.libdir.join("pkgconfig")).args(arguments));
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    }

    /// What a compiler is told where there is neither pkg-config nor CMake.
    fn plain(&self) -> Vec<String> {
        vec![format!("-I{}/include", self.prefix.display()), format!("-L{}", self.libdir.display()), "-lr2creds".into()]
    }

    fn plain_static(&self) -> Vec<String> {
        vec![format!("-I{}/include", self.prefix.display()), format!("{}/libr2creds.a", self.libdir.display())]
    }

    /// A run with this tree's library, which has to be silent and end with 0.
    fn run(&self, command: &mut Command) {
        let output = succeeded(command.env("LD_LIBRARY_PATH", &self.libdir));
        let said = [output.stdout, output.stderr].concat();
        assert!(said.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&said));
    }
}

/// One tree as it was installed, and one that was staged for another place, under another LIBDIR, and then moved.
fn trees() -> &'static [Tree; 2] {
    static TREES: OnceLock<[Tree; 2]> = OnceLock::new();
    TREES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
        let _ = fs::remove_dir_all(&folder);
        let (there, staged, moved) = (folder.join("there"), folder.join("staged"), folder.join("moved"));
        make(&["install", &format!("PREFIX={}", there.display())]);
        let destination = format!("DESTDIR={}", staged.display());
        make(&["install", &destination, "PREFIX=/opt/r2creds", "LIBDIR=lib/some-triple"]);
        fs::rename(staged.join("opt"), &moved).unwrap();
        [Tree::new(there, "lib"), Tree::new(moved.join("r2creds"), "lib/some-triple")]
    })
}

/// Compiles in a folder of its own.
fn build(name: &str, compiler: &str, standard: &str, flags: &[&str], sources: &[PathBuf], rest: &[String]) -> PathBuf {
    let program = scratch(name).join("program");
    let mut command = clean(compiler);
    command.arg(standard).args(WARNINGS).args(flags).args(sources).args(rest).arg("-o").arg(&program);
    succeeded(&mut command);
    program
}

/// A run under valgrind, without errors and leaks.
fn valgrind(program: &Path) -> Command {
    let mut command = clean("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]);
    command.arg(program);
    command
}

/// The files and links below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What every tree has. Headers and manuals that exist are in it too.
fn expected_files(libdir: &str) -> BTreeSet<String> {
    let mut expected: BTreeSet<_> = [
        "libr2creds.a",
        "libr2creds.so",
        "libr2creds.so.0",
        &format!("libr2creds.so.{VERSION}"),
        "pkgconfig/r2creds.pc",
        "pkgconfig/r2creds-static.pc",
        "cmake/r2creds/r2creds-config.cmake",
        "cmake/r2creds/r2creds-config-version.cmake",
    ]
    .map(|name| format!("{libdir}/{name}"))
    .into();
    let documents = ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES", "r2creds.cdx.json"];
    expected.extend(documents.map(|name| format!("share/doc/r2creds/{name}")));
    expected.extend(files(&Path::new(ROOT).join("include")).iter().map(|name| format!("include/{name}")));
    if let Ok(docs) = fs::read_dir(Path::new(ROOT).join("docs")) {
        let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        expected.extend(names.filter(|name| name.ends_with(".3")).map(|name| format!("share/man/man3/{name}")));
    }
    let program = ["bin/r2creds", "share/bash-completion/completions/r2creds", "share/zsh/site-functions/_r2creds"];
    expected.extend(program.map(str::to_owned));
    expected.insert("share/fish/vendor_completions.d/r2creds.fish".to_owned());
    let pages = files(&Path::new(ROOT).join("cli/pages")).into_iter().filter(|name| name.ends_with(".1"));
    expected.extend(pages.map(|name| format!("share/man/man1/{name}")));
    // `man r2creds_sign` finds the page, and so for every function.
    expected.extend(include_str!("abi/symbols.txt").lines().map(|name| format!("share/man/man3/{name}.3")));
    expected
}

#[test]
fn the_tree_is_complete_and_names_no_place() {
    let mut places = places();
    places.extend([env!("CARGO_TARGET_TMPDIR").to_owned(), "/opt/r2creds".to_owned()]);
    for (tree, libdir) in trees().iter().zip(["lib", "lib/some-triple"]) {
        let found = files(&tree.prefix);
        assert_eq!(found, expected_files(libdir));
        let version = succeeded(clean(tree.prefix.join("bin/r2creds")).arg("--version")).stdout;
        assert_eq!(String::from_utf8(version).unwrap(), format!("r2creds {VERSION}\n"));
        for name in found {
            let bytes = fs::read(tree.prefix.join(&name)).unwrap();
            for place in &places {
                assert!(!names(&bytes, place), "{name} names {place}");
            }
            assert!(
                !contains(&bytes, "@VERSION@") && !contains(&bytes, "@UP@") && !contains(&bytes, "@LOCATION@"),
                "{name}"
            );
        }
        let link = |name: &str| fs::read_link(tree.libdir.join(name)).unwrap();
        assert_eq!(link("libr2creds.so"), Path::new("libr2creds.so.0"));
        assert_eq!(link("libr2creds.so.0"), Path::new(&format!("libr2creds.so.{VERSION}")));
    }
}

#[test]
fn a_first_build_says_that_it_compiles_and_shows_what_went_wrong() {
    let folder = fresh("first-build");
    let cargo = folder.join("cargo");
    fs::write(&cargo, "#!/bin/sh\n[ $1 = tree ] || { echo 'error: no space left' >&2; exit 1; }\n").unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    // As make starts it, which for the command line builds the library before.
    for (what, told) in [("library", "library"), ("program", "command line")] {
        let mut build = clean("scripts/build.sh");
        build.arg(what).env("CARGO", &cargo).env("OUT", folder.join(what)).env("HOME", &folder).current_dir(ROOT);
        let built = build.output().unwrap();
        assert!(!built.status.success());
        let said = String::from_utf8(built.stderr).unwrap();
        assert!(said.starts_with(&format!("compiling the {told} ...\nerror: no space left\n")), "{said}");
    }
}

/// It is made of the same library with another profile, where a panic ends the process, in the same folder.
#[test]
fn the_command_line_does_not_replace_the_library() {
    trees();
    let library = |folder: &str| fs::read(Path::new(ROOT).join(folder).join("libr2creds.so")).unwrap();
    assert!(library("target/release") == library("target/build/release"));
}

#[test]
fn uninstall_leaves_nothing() {
    trees();
    let folder = fresh("gone");
    let to = [&format!("DESTDIR={}", folder.display()), "PREFIX=/usr"];
    make(&[&["install"], &to[..]].concat());
    fs::write(folder.join("usr/include/r2creds2.h"), "not ours").unwrap();
    assert!(files(&folder).len() > 9);
    make(&[&["uninstall"], &to[..]].concat());
    assert_eq!(files(&folder), BTreeSet::from(["usr/include/r2creds2.h".to_owned()]));
}

/// The package files say what rustc says, less what every compiler driver links by itself.
#[test]
fn the_native_libraries_are_rustcs() {
    let folder = scratch("native");
    fs::write(folder.join("empty.rs"), "").unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type=staticlib", "--print=native-static-libs", "empty.rs"]).current_dir(&folder);
    let said = String::from_utf8(succeeded(&mut rustc).stderr).unwrap();
    let of_std: Vec<_> =
        said.lines().find_map(|line| line.strip_prefix("note: native-static-libs: ")).unwrap().split(' ').collect();
    trees();
    let reported = fs::read_to_string(Path::new(ROOT).join("target/release/static/native-libs")).unwrap();
    let reported: Vec<_> = reported.split_whitespace().collect();
    assert!(of_std.iter().all(|library| reported.contains(library)), "{reported:?} lacks some of {of_std:?}");

    let expected: Vec<_> = reported.into_iter().filter(|library| !["-lgcc_s", "-lc"].contains(library)).collect();
    for tree in trees() {
        let package = fs::read_to_string(tree.libdir.join("pkgconfig/r2creds.pc")).unwrap();
        let private = package.lines().find_map(|line| line.strip_prefix("Libs.private: ")).unwrap();
        assert_eq!(private.split(' ').collect::<Vec<_>>(), expected);
        let config = fs::read_to_string(tree.libdir.join("cmake/r2creds/r2creds-config.cmake")).unwrap();
        assert!(config.contains(&format!("INTERFACE_LINK_LIBRARIES \"{}\"", expected.join(" "))), "{config}");
    }
    // The vendored build cannot ask, so it has its own list.
    let vendored = fs::read_to_string(Path::new(ROOT).join("CMakeLists.txt")).unwrap();
    assert!(vendored.contains(&format!("set(_native {})", expected.join(" "))), "{expected:?}");
}

/// The C program in C99 and the C++ program in C++17, each way it can be linked, and run.
fn link_and_run(tree: &Tree, way: &str, flags: &[String], extra: &[&str]) {
    let mut programs = vec![build(&format!("c-{way}"), "gcc", "-std=c99", extra, &[consumer("consumer.c")], flags)];
    if is_installed("g++") {
        let sources = [consumer("consumer.cpp"), consumer("second.cpp")];
        programs.push(build(&format!("cpp-{way}"), "g++", "-std=c++17", extra, &sources, flags));
    }
    for program in programs {
        tree.run(&mut clean(&program));
        let needed = succeeded(clean("readelf").arg("-d").arg(&program)).stdout;
        assert_eq!(contains(&needed, "libr2creds.so.0"), !way.contains("static"), "{way}");
    }
}

#[test]
fn programs_find_it_with_plain_flags() {
    for (tree, place) in trees().iter().zip(["there", "moved"]) {
        link_and_run(tree, &format!("{place}-shared"), &tree.plain(), &[]);
        link_and_run(tree, &format!("{place}-static"), &tree.plain_static(), &["-DR2CREDS_STATIC"]);
    }
}

#[test]
fn programs_find_it_through_pkg_config() {
    if !is_installed("pkg-config") {
        return;
    }
    for (tree, place) in trees().iter().zip(["there", "moved"]) {
        assert_eq!(tree.pkg_config(&["--modversion", "r2creds"]), [VERSION]);
        link_and_run(
            tree,
            &format!("{place}-shared"),
            &tree.pkg_config(&["--cflags", "--libs", "r2creds >= 0.1"]),
            &[],
        );
        let flags = tree.pkg_config(&["--static", "--cflags", "--libs", "r2creds"]);
        link_and_run(tree, &format!("{place}-static"), &flags, &["-static", "-DR2CREDS_STATIC"]);
        let flags = tree.pkg_config(&["--cflags", "--libs", "r2creds-static"]);
        link_and_run(tree, &format!("{place}-only-it-static"), &flags, &[]);
    }
}

#[test]
fn a_static_program_may_have_a_mebibyte_of_thread_local_data() {
    let tree = &trees()[0];
    let extra = ["-static", "-DR2CREDS_STATIC"];
    let program = build("thread-data", "gcc", "-std=c11", &extra, &[consumer("thread_data.c")], &tree.plain_static());
    tree.run(&mut clean(&program));
}

/// Configures, builds and runs the programs of `tests/consumers/CMakeLists.txt`.
fn cmake(name: &str, options: &[String]) {
    if !is_installed("cmake") || !is_installed("g++") {
        return;
    }
    let folder = fresh(name);
    let mut configure = clean("cmake");
    configure.arg("-S").arg(consumer("")).arg("-B").arg(&folder).args(options);
    // Cargo may live in the home folder.
    for variable in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CC", "CFLAGS"] {
        configure.envs(std::env::var_os(variable).map(|value| (variable, value)));
    }
    let environment: Vec<_> =
        configure.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    succeeded(&mut configure);
    succeeded(clean("cmake").arg("--build").arg(&folder).envs(environment));
    for program in ["c_r2creds", "c_r2creds_static", "cpp_r2creds", "cpp_r2creds_static"] {
        let output = succeeded(&mut clean(folder.join(program)));
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
        let needed = succeeded(clean("readelf").arg("-d").arg(folder.join(program))).stdout;
        assert_eq!(contains(&needed, "libr2creds.so.0"), !program.ends_with("static"), "{program}");
    }
    // Installed with its library, elsewhere, and moved.
    let version = String::from_utf8(succeeded(clean("cmake").arg("--version")).stdout).unwrap();
    let numbers: Vec<u32> = version.split([' ', '.']).filter_map(|word| word.parse().ok()).collect();
    if numbers < vec![3, 21] {
        return;
    }
    let (prefix, moved) = (folder.join("prefix"), folder.join("moved"));
    succeeded(clean("cmake").arg("--install").arg(&folder).arg("--prefix").arg(&prefix));
    fs::rename(&prefix, &moved).unwrap();
    let loaded = succeeded(clean(moved.join("bin/c_r2creds")).env("LD_DEBUG", "libs")).stderr;
    // It is initialised once it is loaded, and not only looked for.
    let library = format!("init: {}/bin/../lib/libr2creds.so.0", moved.display());
    assert!(contains(&loaded, &library), "{}", String::from_utf8_lossy(&loaded));
}

#[test]
fn programs_find_it_through_cmake() {
    for (tree, place) in trees().iter().zip(["there", "moved"]) {
        // CMake looks into lib by itself, but not into a folder of another machine.
        let found = match place {
            "there" => format!("-DCMAKE_PREFIX_PATH={}", tree.prefix.display()),
            _ => format!("-Dr2creds_DIR={}/cmake/r2creds", tree.libdir.display()),
        };
        cmake(place, &[found]);
    }
    // Found by a link from another prefix, as package managers make them.
    let linked = fresh("linked");
    fs::create_dir_all(linked.join("lib")).unwrap();
    symlink(trees()[0].libdir.join("cmake"), linked.join("lib/cmake")).unwrap();
    cmake("by-link", &[format!("-DCMAKE_PREFIX_PATH={}", linked.display())]);
}

#[test]
fn programs_vendor_it_with_fetch_content() {
    trees();
    // The folder where it has been built already; what is tested here is not that cargo can build it twice.
    cmake("vendored", &[format!("-DR2CREDS_SOURCE={ROOT}"), format!("-DR2CREDS_TARGET_DIR={ROOT}/target")]);
}

#[test]
fn the_package_is_the_same_tree() {
    trees();
    make(&["dist"]);
    let folder = Path::new(ROOT).join("target/dist");
    let names = files(&folder);
    let package = names.iter().find_map(|name| name.strip_suffix(".tar.gz")).unwrap();
    assert!(package.starts_with(&format!("r2creds-{VERSION}-")), "{package}");
    assert_eq!(names, [format!("{package}.tar.gz"), format!("{package}.tar.gz.sha256")].into());
    succeeded(
        clean("sha256sum").args(["--check", "--strict"]).arg(format!("{package}.tar.gz.sha256")).current_dir(&folder),
    );
    let bytes = fs::read(folder.join(format!("{package}.tar.gz"))).unwrap();
    make(&["dist"]);
    assert!(bytes == fs::read(folder.join(format!("{package}.tar.gz"))).unwrap(), "not the same bytes twice");

    let unpacked = fresh("unpacked");
    succeeded(clean("tar").arg("-xzf").arg(folder.join(format!("{package}.tar.gz"))).arg("-C").arg(&unpacked));
    let tree = Tree::new(unpacked.join(package), "lib");
    assert_eq!(files(&tree.prefix), expected_files("lib"));
    for name in files(&tree.prefix) {
        assert!(
            fs::read(tree.prefix.join(&name)).unwrap() == fs::read(trees()[0].prefix.join(&name)).unwrap(),
            "{name}"
        );
    }
    if is_installed("pkg-config") {
        link_and_run(&tree, "shared", &tree.pkg_config(&["--cflags", "--libs", "r2creds >= 0.1"]), &[]);
    }
}

/// Each header alone, in each language it is for, by each compiler.
#[test]
fn the_headers_compile_alone_in_every_standard() {
    let include = format!("-I{}/include", trees()[0].prefix.display());
    for (c, cpp) in [("gcc", "g++"), ("clang", "clang++")] {
        let check = |compiler: &str, language: &str, standard: &str, header: &str| {
            let source = scratch("headers").join(format!("{header}.{language}"));
            fs::write(&source, format!("#include <{header}>\n")).unwrap();
            let mut command = clean(compiler);
            command.arg(standard).args(WARNINGS).args([&include, "-fsyntax-only"]).arg(source);
            let output = succeeded(&mut command);
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        if is_installed(c) {
            for standard in ["-std=c99", "-std=c11", "-std=c17", "-std=c2x"] {
                check(c, "c", standard, "r2creds.h");
            }
        }
        if is_installed(cpp) {
            for standard in ["-std=c++11", "-std=c++17", "-std=c++20", "-std=c++2b"] {
                check(cpp, "cpp", standard, "r2creds.h");
            }
            if trees()[0].prefix.join("include/r2creds.hpp").exists() {
                for standard in ["-std=c++17", "-std=c++20", "-std=c++2b"] {
                    check(cpp, "cpp", standard, "r2creds.hpp");
                    // In two translation units of one program.
                    let sources = [consumer("consumer.cpp"), consumer("second.cpp")];
                    let program = build(&format!("{cpp}{standard}"), cpp, standard, &[], &sources, &trees()[0].plain());
                    trees()[0].run(&mut clean(program));
                }
            }
        }
    }
}

#[test]
fn the_archive_shows_nothing_else_and_is_small() {
    let archive = trees()[0].libdir.join("libr2creds.a");
    let members = String::from_utf8(succeeded(clean("ar").arg("t").arg(&archive)).stdout).unwrap();
    assert_eq!(members.lines().count(), 1, "{members}");
    let names = succeeded(clean("nm").args(["-g", "--defined-only", "--format=posix"]).arg(&archive)).stdout;
    let names = String::from_utf8(names).unwrap();
    let mut names: Vec<_> =
        names.lines().filter(|line| !line.ends_with(':')).map(|line| line.split(' ').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, SYMBOLS.lines().collect::<Vec<_>>());

    // The part that a program keeps: its code and data, less those of a program that does nothing.
    let empty = scratch("empty").join("empty.c");
    fs::write(&empty, "int main(void) { return 0; }\n").unwrap();
    let kept = |name: &str, source: PathBuf| {
        let flags = ["-O2", "-Wl,--gc-sections"];
        let program = build(name, "gcc", "-std=c99", &flags, &[source], &trees()[0].plain_static());
        let printed = String::from_utf8(succeeded(clean("size").arg(program)).stdout).unwrap();
        let numbers = printed.lines().nth(1).unwrap().split_whitespace();
        numbers.take(2).map(|number| number.parse::<usize>().unwrap()).sum::<usize>()
    };
    let size = kept("full", consumer("consumer.c")) - kept("nothing", empty);
    assert!(size <= 4_300_000, "{size} bytes");
}

#[test]
fn the_archive_lives_beside_another_rust_library() {
    let folder = scratch("other");
    let mut rustc = Command::new("rustc");
    rustc.args([
        "--edition=2024",
        "--crate-type=staticlib",
        "-O",
        "-Clto=fat",
        "-Ccodegen-units=1",
        "-o",
        "libother.a",
    ]);
    succeeded(rustc.arg(consumer("other.rs")).current_dir(&folder));
    let other = folder.join("libother.a").to_str().unwrap().to_owned();
    let [include, archive] = trees()[0].plain_static().try_into().unwrap();
    let checks = format!("-I{ROOT}/tests/c");
    for (order, [first, second]) in [("one", [&archive, &other]), ("two", [&other, &archive])] {
        let rest = [include.clone(), first.clone(), second.clone(), "-lm".into()];
        let program = build(order, "gcc", "-std=c99", &[&checks, "-g"], &[consumer("two_rust.c")], &rest);
        let output = succeeded(&mut clean(program));
        // r2creds speaks once for each panic, and the other one's hook is not its hook.
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.matches("panicked at").count(), 3, "{said}");
        assert!(!said.contains("panics with"), "{said}");
    }
}

/// The header and the shared library of a later version: an option at the end of each struct, and a function.
fn newer(folder: &Path) {
    let mut header = HEADER.to_owned();
    for name in ["r2creds_params", "r2creds_client_options", "r2creds_request_options"] {
        header = header.replace(&format!("}} {name};"), &format!("uint64_t new_option;\n}} {name};"));
    }
    header = header.replace(
        "R2CREDS_API uint32_t r2creds_abi_version(void);",
        "R2CREDS_API uint32_t r2creds_abi_version(void);\nR2CREDS_API void r2creds_later(void);",
    );
    header = header.lines().fold(String::new(), |text, line| {
        let initialiser = line.trim_start().starts_with("{sizeof(r2creds_");
        text + &if initialiser { line.replace('}', ", 0}") } else { line.to_owned() } + "\n"
    });
    fs::write(folder.join("r2creds.h"), header).unwrap();
    let functions: String = SYMBOLS
        .lines()
        .chain(["r2creds_later"])
        .map(|name| format!("void {name}(void);\nvoid {name}(void) {{}}\n"))
        .collect();
    fs::write(folder.join("newer.c"), functions).unwrap();
    let mut command = clean("gcc");
    command.args(["-shared", "-fPIC", "-fno-builtin", "-Wl,-soname,libr2creds.so.0", "-o"]);
    succeeded(command.arg(folder.join("libr2creds.so")).arg(folder.join("newer.c")));
}

#[test]
fn a_newer_program_runs_with_this_library() {
    let folder = scratch("newer");
    newer(&folder);
    let flags = [
        format!("-I{}", folder.display()),
        format!("-I{ROOT}/tests/c"),
        format!("-L{}", folder.display()),
        "-lr2creds".into(),
    ];
    let program = build("program", "gcc", "-std=c99", &["-Wl,-z,lazy", "-g"], &[consumer("newer.c")], &flags);
    let tree = &trees()[0];
    tree.run(&mut clean(&program));

    // The function that this library does not have: named by the loader, when it is called, or at the start.
    for (argument, bind_now) in [(Some("later"), ""), (None, "1")] {
        let mut command = clean(&program);
        command.args(argument).env("LD_LIBRARY_PATH", &tree.libdir).env("LD_BIND_NOW", bind_now);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(127), "{argument:?}: {said}");
        assert!(said.contains("undefined symbol: r2creds_later"), "{argument:?}: {said}");
    }
}

/// A copy of the library that says it is another version.
fn another_version(library: &Path, folder: &Path) -> PathBuf {
    let mut bytes = fs::read(library).unwrap();
    let version = format!("{VERSION}\0");
    let places: Vec<_> =
        (0..bytes.len() - version.len()).filter(|&at| bytes[at..].starts_with(version.as_bytes())).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + version.len() - 2] = b'9';
    }
    let path = folder.join("libr2creds.so.0");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn it_can_be_loaded_twice_and_unloaded_with_a_lookup_inside() {
    let tree = &trees()[0];
    let library = tree.libdir.join("libr2creds.so.0");
    let another = another_version(&library, &scratch("another"));
    let flags = [format!("-I{}/include", tree.prefix.display()), format!("-I{ROOT}/tests/c"), "-ldl".into()];
    let run = |mut command: Command, mode: &str| tree.run(command.arg(mode).arg(&library).arg(&another));
    let program_with = |name: &str, compiler: &str, more: &[&str]| {
        // -rdynamic: the library takes this program's getaddrinfo.
        let options = [&["-rdynamic", "-pthread", "-g"], more].concat();
        build(name, compiler, "-std=c99", &options, &[consumer("loaded.c")], &flags)
    };
    let plain = program_with("plain", "gcc", &[]);
    for mode in ["loop", "two", "lookup", "leave"] {
        run(clean(&plain), mode);
    }
    if is_installed("clang") {
        let sanitized = program_with("sanitized", "clang", &SANITIZED);
        for mode in ["loop", "two", "lookup", "leave"] {
            run(clean(&sanitized), mode);
        }
    }
    if is_installed("valgrind") {
        for mode in ["loop", "two", "lookup"] {
            run(valgrind(&plain), mode);
        }
    }
}

#[test]
fn static_objects_may_free_and_even_use_it_after_main() {
    if !is_installed("g++") {
        return;
    }
    let tree = &trees()[0];
    for (way, flags) in [("shared", tree.plain()), ("static", tree.plain_static())] {
        let compile = |name: &str, compiler: &str, more: &[&str]| {
            let options = [&["-g", "-pthread"], more].concat();
            build(&format!("{name}-{way}"), compiler, "-std=c++17", &options, &[consumer("destructors.cpp")], &flags)
        };
        let plain = compile("plain", "g++", &[]);
        tree.run(&mut clean(&plain));
        if is_installed("clang++") {
            tree.run(&mut clean(compile("sanitized", "clang++", &SANITIZED)));
        }
        if is_installed("valgrind") {
            tree.run(&mut valgrind(&plain));
        }
    }
}
