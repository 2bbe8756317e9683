//! The environment, read in `Client::new` alone and never in a set-uid process.

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

/// The caller's own value, else the first of these variables that is set.
pub(crate) fn explicit_or(
    explicit: Option<&str>,
    names: &[&str],
    field: &'static str,
) -> Result<Option<Setting>, Error> {
    match explicit {
        Some(value) => Ok(Some(Setting::explicit(value))),
        None => first(names, field),
    }
}

/// The first of these variables that is set; trimmed, and an empty one counts as unset. `field` is the option it
/// stands in for.
pub(crate) fn first(names: &[&str], field: &'static str) -> Result<Option<Setting>, Error> {
    if sys::is_secure_process() {
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
