//! How the program ends where it cannot do what it should: what is said, and the exit code.

use std::io;

use r2creds::Error;

/// 2 is for wrong usage, 1 for every other failure.
pub struct Failure {
    pub code: i32,
    /// One line, or two.
    pub message: String,
    /// Whether the options are to be pointed to.
    pub is_usage: bool,
}

impl Failure {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), is_usage: false }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Failure { code: 2, message: message.into(), is_usage: true }
    }

    /// Of an option whose value cannot be read.
    pub fn argument(flag: impl AsRef<str>, problem: &str) -> Self {
        Self::usage(format!("argument {}: {problem}", flag.as_ref()))
    }

    /// In the library's manner: what is wrong with an argument, never its value.
    pub fn refused(field: &str, problem: &str) -> Self {
        Self::new(1, format!("{field}: {problem}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = error.hint().map(|hint| format!("\n    {hint}")).unwrap_or_default();
        Self::new(1, format!("{error}{hint}"))
    }
}

/// What the system says, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}
