//! What every call does: it clears the outputs, keeps panics inside, and sets at most one output.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::pointer::{Object, Owned, Ptr};
use super::types::{R2CREDS_STATUS_OK, r2creds_error, r2creds_status};
use super::write;
use crate::error::Error;

/// Runs the body of an exported function.
pub fn call<T: Object>(
    out: Ptr<'_, *mut T>,
    err: Ptr<'_, *mut r2creds_error>,
    body: impl FnOnce() -> Result<Box<Owned<T>>, Error>,
) -> r2creds_status {
    out.set(ptr::null_mut());
    err.set(ptr::null_mut());
    let result = if out.get().is_none() {
        Err(Error::argument("out", "NULL, expected a place for the result"))
    } else {
        catch_unwind(AssertUnwindSafe(|| body().map(Owned::into_raw))).unwrap_or_else(|_| Err(Error::panicked()))
    };
    match result {
        Ok(object) => {
            out.set(object);
            R2CREDS_STATUS_OK
        }
        Err(error) => {
            if err.get().is_some() {
                err.set(write::error(&error).into_raw());
            }
            error.status().code()
        }
    }
}
