//! Tests about the environment, which belongs to a whole process: each runs in a process of its own. And how a program
//! of another platform is run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the child.
const MARKER: &str = "R2CREDS_TEST_IN_CHILD";

/// The tools of another platform, from scripts/cross.sh: `cc`, `c++`, and `run` where this machine needs that to run the
/// platform's programs.
pub fn platform() -> Option<PathBuf> {
    env::var_os("PLATFORM").map(PathBuf::from)
}

/// Whether this is a Linux program under an emulator, which does not raise rights, nor survive a fork with threads.
pub fn is_emulated() -> bool {
    cfg!(unix) && platform().is_some_and(|tools| tools.join("run").exists())
}

/// A command that runs a program of the platform.
pub fn runs(program: &Path) -> Command {
    // Under Wine this is a Windows program itself, which runs others as any does.
    match platform().map(|tools| tools.join("run")).filter(|run| cfg!(not(windows)) && run.exists()) {
        Some(run) => {
            let mut command = Command::new(run);
            command.arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Runs the body of a test in a process where nothing else runs, with these environment variables and no others.
pub fn alone<Test: FnOnce()>(variables: &[(&str, &str)], test: Test) {
    if env::var_os(MARKER).is_some() {
        return test();
    }
    // A closure's type is called crate::function::{{closure}}. Should that change, no test passes in the child.
    let name = std::any::type_name::<Test>().split_once("::").unwrap().1.trim_end_matches("::{{closure}}");
    let mut command = runs(&env::current_exe().unwrap());
    command.args(["--exact", name, "--test-threads=1", "--nocapture"]);
    let output = command.env_clear().env(MARKER, "1").envs(variables.iter().copied()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{name}: {text}");
}

/// From here on, exactly these variables are set. For the body of a test that is [`alone`].
pub fn set_environment(variables: &[(&str, &str)]) {
    assert!(env::var_os(MARKER).is_some());
    for (name, _) in env::vars_os().filter(|(name, _)| name != MARKER) {
        // SAFETY: the only other threads are a server's, which do not read the environment.
        unsafe { env::remove_var(name) };
    }
    for (name, value) in variables {
        // SAFETY: as above.
        unsafe { env::set_var(name, value) };
    }
}
