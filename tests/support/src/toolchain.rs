//! Compiles C and C++ programs against the shared library, and runs them plainly, with sanitizers and under valgrind.
//! Started by scripts/cross.sh, it is the other platform's compiler and library, and the programs are only run plainly;
//! the tests that drive them run here all the same.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::files::{all_scratch, scratch};
use crate::process::{platform, runs};
use crate::root;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    Gcc,
    Clang,
    Gxx,
    Clangxx,
}

/// Whether the library tested is another platform's with this name of a system or processor: it is part of the target's,
/// after which the folder of its tools is called.
pub fn is_for(name: &str) -> bool {
    platform().is_some_and(|tools| tools.file_name().unwrap().to_string_lossy().contains(name))
}

/// For a test that one platform cannot run: `if` that is the one, a line says why.
pub fn is_left_out(is_that_one: bool, why: &str) -> bool {
    if is_that_one {
        std::io::stderr().write_all(format!("left out: {why}\n").as_bytes()).unwrap();
    }
    is_that_one
}

impl Compiler {
    fn command(self) -> PathBuf {
        match (self, platform()) {
            (Compiler::Gcc, Some(tools)) => tools.join("cc"),
            (Compiler::Gxx, Some(tools)) => tools.join("c++"),
            (Compiler::Gcc, None) => "gcc".into(),
            (Compiler::Gxx, None) => "g++".into(),
            (Compiler::Clang, _) => "clang".into(),
            (Compiler::Clangxx, _) => "clang++".into(),
        }
    }

    fn is_cpp(self) -> bool {
        matches!(self, Compiler::Gxx | Compiler::Clangxx)
    }

    pub fn standards(self) -> &'static [&'static str] {
        if self.is_cpp() { &["-std=c++11", "-std=c++17"] } else { &["-std=c99", "-std=c11"] }
    }

    /// Those that are here; a missing one is skipped, but not gcc, which every machine with this library has.
    pub fn installed<const N: usize>(wanted: [Compiler; N]) -> Vec<Compiler> {
        let is_here = |compiler: &Compiler| match platform() {
            Some(_) => matches!(compiler, Compiler::Gcc | Compiler::Gxx),
            None => *compiler == Compiler::Gcc || is_installed(&compiler.command().to_string_lossy()),
        };
        wanted.into_iter().filter(is_here).collect()
    }

    /// A file with this text.
    pub fn source(self, name: &str, text: &str) -> PathBuf {
        let path = scratch(&format!("{name}-{self:?}")).join(if self.is_cpp() { "main.cpp" } else { "main.c" });
        fs::write(&path, format!("{}\n", text.trim())).unwrap();
        path
    }
}

/// Whether a tool is here. If not, a line says so, and `R2CREDS_NO_SKIP=1` makes it a failure.
pub fn is_installed(tool: &str) -> bool {
    answers(tool, "--version")
}

/// The same for a tool that has no `--version`, but ends well with this.
pub fn answers(tool: &str, argument: &str) -> bool {
    let found = Command::new(tool).arg(argument).output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(std::env::var("R2CREDS_NO_SKIP").as_deref() != Ok("1"), "{tool} is not installed");
        // Not eprintln!, which cargo would keep to itself.
        std::io::stderr().write_all(format!("skipped: {tool} is not installed\n").as_bytes()).unwrap();
    }
    found
}

/// The shared library to test: in `R2CREDS_LIB_DIR`, or the one that was built with these tests.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folders = match std::env::var_os("R2CREDS_LIB_DIR") {
            Some(folder) => vec![PathBuf::from(folder)],
            None => std::env::current_exe().unwrap().ancestors().skip(1).take(2).map(Path::to_owned).collect(),
        };
        let names = ["libr2creds.so", "r2creds.dll", "libr2creds.a"];
        let mut paths = folders.iter().flat_map(|folder| names.map(|name| folder.join(name)));
        paths.find(|path| path.exists()).unwrap_or_else(|| panic!("no library in {folders:?}")).canonicalize().unwrap()
    })
}

/// A folder with the library under the name it is linked by and the one it is loaded by.
fn library_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = scratch("lib");
        let own_name = library().file_name().unwrap().to_str().unwrap();
        for name in [own_name, "libr2creds.so.0"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(library(), &link).unwrap();
        }
        folder
    })
}

/// Compiles a program next to its scratch name. Any warning is an error.
pub fn compile(source: &Path, compiler: Compiler, flags: &[&str]) -> PathBuf {
    let stem = source.file_stem().unwrap().to_str().unwrap();
    // A source that a test has written lies in a folder of its own; one of the repository gets it.
    let folder = source.parent().filter(|folder| folder.starts_with(all_scratch()));
    // Flags only: a further source file is not part of the name.
    let named = flags.iter().filter(|flag| flag.starts_with('-'));
    let name: String = named.flat_map(|flag| flag.chars()).filter(|c| c.is_ascii_alphanumeric()).collect();
    let program = folder
        .map_or_else(|| scratch(&format!("{stem}-{compiler:?}{name}")), Path::to_owned)
        .join(format!("program{name}"));
    let libraries = library_folder();
    let mut command = Command::new(compiler.command());
    command.args([compiler.standards()[0], "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command.args(["-Wmissing-field-initializers", "-Wconversion", "-g", "-O1", "-pthread"]);
    // Flags come after the source, for they may be libraries, and before the header, which they may replace.
    command.arg(source).args(flags).arg("-I").arg(root().join("include")).arg("-o").arg(&program);
    command.arg("-L").arg(libraries).arg("-lr2creds");
    match library().extension().and_then(|extension| extension.to_str()) {
        Some("so") => _ = command.arg(format!("-Wl,-rpath,{}", libraries.display())),
        Some("a") => _ = command.arg("-static").args(native_libraries()),
        // Windows looks for it where the program is.
        _ => {
            fs::copy(library(), program.with_file_name("r2creds.dll")).unwrap();
        }
    }
    succeeded(&mut command);
    program.with_extension(if is_for("windows") { "exe" } else { "" })
}

/// What a program that links the static library has to name besides.
fn native_libraries() -> Vec<String> {
    let list = fs::read_to_string(library().with_file_name("link-libs")).unwrap();
    let unwinder = is_for("musl").then_some("-lunwind"); // zig's, which it does not link by itself
    list.split_whitespace().chain(unwinder).map(str::to_owned).collect()
}

/// The output of a command that has to succeed.
pub fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    output
}

/// How a program is built and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain(Compiler),
    Sanitized(Compiler),
    Valgrind,
}

/// A compiled program and the way it is to be run.
pub struct Program {
    path: PathBuf,
    pub way: Way,
    log: PathBuf,
    /// What a run leaves on standard error is expected, and returned.
    pub may_speak: bool,
    pub valgrind_options: &'static [&'static str],
}

/// Compiles a source of this repository in each way that this machine can, one after the other, and hands each to
/// `test`. The GNU compiler comes first.
pub fn each_way(source: &str, compilers: [Compiler; 2], flags: &[&str], test: impl Fn(Program)) {
    let source = root().join(source);
    let name = source.file_stem().unwrap().to_str().unwrap();
    let gnu = compilers[0];
    let mut ways = Vec::new();
    for compiler in Compiler::installed(compilers) {
        ways.extend([Way::Plain(compiler), Way::Sanitized(compiler)]);
    }
    if platform().is_some() {
        ways.retain(|way| matches!(way, Way::Plain(_)));
    } else if Compiler::installed([gnu]) == [gnu] && is_installed("valgrind") {
        ways.push(Way::Valgrind);
    }
    for way in ways {
        let path = match way {
            Way::Plain(compiler) => compile(&source, compiler, flags),
            Way::Sanitized(compiler) => {
                let sanitized = [flags, &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]].concat();
                compile(&source, compiler, &sanitized)
            }
            Way::Valgrind => compile(&source, gnu, flags),
        };
        let log = scratch(name).join("valgrind.txt");
        test(Program { path, way, log, may_speak: false, valgrind_options: &[] });
    }
}

impl Program {
    /// Runs it with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_fed(arguments, drop)
    }

    /// Ready to run. Nothing of this process's environment is passed on. Memory errors and leaks end with 98 or 99.
    pub fn command(&self) -> Command {
        let mut command = match self.way {
            Way::Valgrind => {
                let mut command = Command::new("valgrind");
                command.args(["--error-exitcode=99", "--leak-check=full", "--track-fds=yes"]);
                command.args(["--errors-for-leak-kinds=definite,possible", "--child-silent-after-fork=yes"]);
                command.arg(format!("--log-file={}", self.log.display())).args(self.valgrind_options).arg(&self.path);
                command
            }
            _ => runs(&self.path),
        };
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("ASAN_OPTIONS", "detect_leaks=1:exitcode=98").env("UBSAN_OPTIONS", "print_stacktrace=1");
        command
    }

    /// Runs it to its end, which has to be 0, without a word, and returns its standard error. `feed` gets its standard
    /// input.
    pub fn run_fed(&self, arguments: &[&str], feed: impl FnOnce(ChildStdin)) -> String {
        let mut command = self.command();
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        feed(child.stdin.take().unwrap());
        let output = child.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let log = if self.way == Way::Valgrind { fs::read_to_string(&self.log).unwrap() } else { String::new() };
        assert!(output.status.success(), "{:?} {arguments:?}: {}\n{out}{err}{log}", self.way, output.status);
        assert!(out.is_empty() && (self.may_speak || err.is_empty()), "{:?}: not silent:\n{out}{err}", self.way);
        for leftover in log.split("== Open ").skip(1) {
            assert!(leftover.lines().nth(1).is_some_and(|line| line.contains("<inherited from parent>")), "{log}");
        }
        err.into_owned()
    }
}
