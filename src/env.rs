//! The environment, read in `Client::new` alone and never in a set-uid process.

use std::os::unix::ffi::OsStringExt;

use crate::error::Error;
use crate::secret::Secret;
use crate::sys;

pub(crate) struct Variable {
    pub name: &'static str,
    pub value: Secret,
}

/// The first of these variables that is set; trimmed, and an empty one counts as unset. `field` is the option it
/// stands in for.
pub(crate) fn first(names: &[&'static str], field: &'static str) -> Result<Option<Variable>, Error> {
    if sys::is_secure_process() {
        return Ok(None);
    }
    for &name in names {
        let Some(value) = std::env::var_os(name) else { continue };
        let whole = Secret::from(value.into_vec());
        let text = std::str::from_utf8(whole.as_bytes())
            .map_err(|_| Error::argument(field, format_args!("{name} in the environment is not UTF-8")))?
            .trim();
        if !text.is_empty() {
            return Ok(Some(Variable { name, value: Secret::from(text) }));
        }
    }
    Ok(None)
}
