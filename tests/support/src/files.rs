//! Places for what a test writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::platform;
use crate::root;

/// Where all of them are: cargo's folder for tests, inside the build folder; and for the programs of another platform
/// one of their own, for this machine's may be tested at the same time.
pub fn all_scratch() -> PathBuf {
    // <build folder>/<profile>/deps/<suite>
    let suite = std::env::current_exe().unwrap();
    let tools = platform().unwrap_or_default();
    suite.ancestors().nth(3).unwrap().join("tmp").join(tools.file_name().unwrap_or_default())
}

/// A folder of the running test alone. What an earlier run left there is still in it.
pub fn scratch(name: &str) -> PathBuf {
    // libtest names the thread after the test.
    let test = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let path = all_scratch().join(test).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// The folders of this build: the checkout, cargo's and the home folder. Nothing that is shipped may name one.
pub fn places() -> Vec<String> {
    // Without a home there is none to name: a path of one character is not looked for.
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    vec![root().to_str().unwrap().to_owned(), cargo_home, format!("{home}/")]
}

/// Whether an absolute path is in it, and not only as the end of a longer one, as a short one may be. A long one is
/// nothing else's end, and texts of a program stand one behind the other with nothing between.
pub fn names(bytes: &[u8], path: &str) -> bool {
    let is_long = path.trim_end_matches('/').matches('/').count() > 1;
    let part_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let stands_alone = |at: usize| at == 0 || !part_of_a_name(bytes[at - 1]);
    let is_at = |at: usize| bytes[at..].starts_with(path.as_bytes()) && (is_long || stands_alone(at));
    path.len() > 1 && (0..bytes.len()).any(is_at)
}

/// A file that is removed again.
pub struct TempFile(PathBuf);

impl TempFile {
    pub fn new(content: impl AsRef<[u8]>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("r2creds-test-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        TempFile(path)
    }

    pub fn path(&self) -> &str {
        Path::to_str(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
