//! The ABI against its record, and programs of earlier releases against today's library: see `tests/abi/README.md`.

mod frozen;
mod record;
