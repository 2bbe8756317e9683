//! Compiles the C programs of this folder, and starts them and the server.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs};

use crate::affinity::pin;

/// Where the sources are, the programs go, and the library is.
pub struct Programs {
    sources: &'static Path,
    into: PathBuf,
    library: PathBuf,
    commands: RefCell<Vec<String>>,
}

impl Programs {
    pub fn new(library: &Path) -> Result<Self, String> {
        let library = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
        let into = env::temp_dir().join(format!("r2creds-bench-{}", std::process::id()));
        fs::create_dir_all(&into).map_err(|error| format!("{}: {error}", into.display()))?;
        // Under the name that the programs will ask the loader for.
        for name in ["libr2creds.so", "libr2creds.so.0"] {
            fs::copy(&library, into.join(name)).map_err(|error| format!("{}: {error}", library.display()))?;
        }
        Ok(Programs { sources: Path::new(env!("CARGO_MANIFEST_DIR")), into, library, commands: RefCell::default() })
    }

    /// The program `name`; it is linked with the library only where it uses it.
    pub fn compile(&self, name: &str, sources: &[&str], libraries: &[&str]) -> Result<PathBuf, String> {
        let to = self.into.join(name);
        let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command.args(["-std=c99", "-Wall", "-Wextra", "-O2", "-I"]).arg(self.sources.join("../include"));
        command.arg("-o").arg(&to).args(sources.iter().map(|source| self.sources.join(source)));
        if sources.contains(&"r2creds.c") {
            let mut path = OsStr::new("-Wl,-rpath,").to_owned();
            path.push(&self.into);
            command.arg("-L").arg(&self.into).arg("-lr2creds").arg(path);
        }
        let done = command.args(libraries).output().map_err(|error| format!("{}: {error}", compiler.display()))?;
        if done.status.success() {
            let ours = if sources.contains(&"r2creds.c") { " -lr2creds" } else { "" };
            let (sources, libraries) = (sources.join(" "), libraries.join(" "));
            let command = format!("  {} -std=c99 -O2 {sources}{ours} {libraries}", compiler.display());
            self.commands.borrow_mut().push(command.trim_end().to_owned());
            return Ok(to);
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(said.lines().find(|line| line.contains("error")).unwrap_or("it does not compile").trim().to_owned())
    }

    /// How the programs were built, without the folders.
    pub fn commands(&self) -> String {
        self.commands.borrow().join("\n")
    }

    pub fn run(&self, program: &Path, arguments: &[&str]) -> Result<(), String> {
        let status = Command::new(program).args(arguments).status();
        match status.map_err(|error| format!("{}: {error}", program.display()))? {
            status if status.success() => Ok(()),
            status => Err(format!("{}: {status}", program.display())),
        }
    }

    /// Bytes of the library without its symbols.
    pub fn stripped_size(&self) -> Result<f64, String> {
        let to = self.into.join("stripped");
        // Where there is no strip, the profile's own stripping has to do.
        let done = Command::new("strip").arg("-s").arg("-o").arg(&to).arg(&self.library).status();
        let measured = if done.is_ok_and(|status| status.success()) { &to } else { &self.library };
        fs::metadata(measured).map(|file| file.len() as f64).map_err(|error| error.to_string())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.into);
    }
}

/// A program that answers a line with a line; it ends when its input is closed.
pub struct Talker {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talker {
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let wrong = |error| format!("{}: {error}", program.display());
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(wrong)?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let from = BufReader::new(from.ok_or("no pipe")?);
        Ok(Talker { child, to, from })
    }

    pub fn read(&mut self) -> Result<Vec<f64>, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|error| error.to_string())?;
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        if numbers.is_empty() { Err("a program of the benchmark failed".into()) } else { Ok(numbers) }
    }

    pub fn ask(&mut self, number: usize) -> Result<Vec<f64>, String> {
        if let Some(to) = &mut self.to {
            // Whether it was heard shows in the answer.
            let _ = writeln!(to, "{number}");
        }
        self.read()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

/// The server's process, away from the CPU that is measured.
pub struct Server {
    talker: RefCell<Talker>,
    ports: [u16; 2],
    certificate: String,
}

impl Server {
    pub fn start(programs: &Programs) -> Result<Self, String> {
        let certificate = programs.into.join("server.pem").display().to_string();
        let own = env::current_exe().map_err(|error| error.to_string())?;
        pin(|cpu| cpu != 0);
        let started = Talker::start(&own, &["serve", &certificate]);
        pin(|_| true);
        let mut talker = started?;
        let ports = talker.read()?;
        Ok(Server { talker: talker.into(), ports: [ports[0] as u16, ports[1] as u16], certificate })
    }

    pub fn url(&self, tls: bool) -> String {
        let scheme = if tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}/client/v4", self.ports[usize::from(tls)])
    }

    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Connections that are open, and the most at once since the last question.
    pub fn connections(&self) -> Result<[usize; 2], String> {
        let [open, peak, ..] = self.counts()?;
        Ok([open, peak])
    }

    /// Requests to the API that goes wrong since the last question: all, those granted, and the most at once.
    pub fn faulty_requests(&self) -> Result<[usize; 3], String> {
        let [_, _, requests, granted, at_once] = self.counts()?;
        Ok([requests, granted, at_once])
    }

    fn counts(&self) -> Result<[usize; 5], String> {
        let counts: Vec<usize> = self.talker.borrow_mut().ask(0)?.into_iter().map(|number| number as usize).collect();
        counts.try_into().map_err(|_| "the server does not answer".into())
    }
}
