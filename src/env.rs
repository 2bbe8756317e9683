//! The environment, read in `Client::new` alone.

use std::os::unix::ffi::OsStringExt;

use crate::error::Error;
use crate::secret::Secret;
use crate::sys;

/// The value of an option, and where it was found.
pub(crate) struct Setting {
    pub value: Secret,
    /// To begin an error about the value with: `"NAME in the environment: "`, or nothing if the caller passed it.
    pub origin: String,
}

impl Setting {
    pub fn explicit(value: &str) -> Self {
        Setting { value: Secret::from(value), origin: String::new() }
    }
}

/// Whether the environment may be looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    Read,
    /// The caller does not want it.
    Unwanted,
    /// The process has rights that its starter has not (set-uid and the like), and so its environment is not to be
    /// trusted.
    Untrusted,
}

impl Environment {
    pub fn new(is_wanted: bool) -> Self {
        match is_wanted {
            false => Environment::Unwanted,
            true if sys::is_secure_process() => Environment::Untrusted,
            true => Environment::Read,
        }
    }

    /// The first of these variables that is set; trimmed, and an empty one counts as unset. `field` is the option it
    /// stands in for.
    pub fn first(self, names: &[&str], field: &'static str) -> Result<Option<Setting>, Error> {
        if self != Environment::Read {
            return Ok(None);
        }
        for name in names {
            let Some(value) = std::env::var_os(name) else { continue };
            let whole = Secret::from(value.into_vec());
            let text = std::str::from_utf8(whole.as_bytes())
                .map_err(|_| Error::argument(field, format_args!("{name} in the environment is not UTF-8")))?
                .trim();
            if !text.is_empty() {
                let origin = format!("{name} in the environment: ");
                return Ok(Some(Setting { value: Secret::from(text), origin }));
            }
        }
        Ok(None)
    }
}
