//! Places for what a test writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where all of them are: cargo's folder for tests, inside the build folder.
pub fn all_scratch() -> PathBuf {
    // <build folder>/<profile>/deps/<suite>
    let suite = std::env::current_exe().unwrap();
    suite.ancestors().nth(3).unwrap().join("tmp")
}

/// A folder of the running test alone. What an earlier run left there is still in it.
pub fn scratch(name: &str) -> PathBuf {
    // libtest names the thread after the test.
    let test = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let path = all_scratch().join(test).join(name);
    fs::create_dir_all(&path).unwrap();
    path
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
