//! The environment, read where a client is made, and nowhere else.

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

/// What stands in for the options that a caller leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment<'a> {
    /// The process's variables.
    Process,
    /// These, as `NAME=value`, because the process's may be changed by another thread meanwhile.
    Given(&'a [&'a [u8]]),
    /// The caller wants none to be looked at.
    Unwanted,
    /// The process has rights that its starter has not (set-uid and the like), and so its environment is not to be
    /// trusted.
    Untrusted,
}

impl Environment<'_> {
    /// As this process's rights and the caller's wish allow.
    pub fn permitted(self, is_wanted: bool) -> Self {
        match is_wanted {
            false => Environment::Unwanted,
            true if sys::is_secure_process() => Environment::Untrusted,
            true => self,
        }
    }

    /// The first of these variables that is set; trimmed, and an empty one counts as unset. `field` is the option it
    /// stands in for.
    pub fn first(self, names: &[&str], field: &'static str) -> Result<Option<Setting>, Error> {
        for name in names {
            let Some(whole) = self.value(name) else { continue };
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

    fn value(self, name: &str) -> Option<Secret> {
        match self {
            Environment::Process => std::env::var_os(name).map(|value| Secret::from(value.into_encoded_bytes())),
            Environment::Given(variables) => {
                let mut variables = variables.iter();
                let value = variables.find_map(|all| all.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
                Some(Secret::from(value.to_vec()))
            }
            Environment::Unwanted | Environment::Untrusted => None,
        }
    }
}
