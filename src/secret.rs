//! Bytes that print as `[redacted]` and are wiped when they are dropped or moved to a larger buffer.

use std::fmt;

use base64_simd::Base64;
use zeroize::optimization_barrier;

/// A growing buffer for anything that is, or contains, a secret.
#[derive(Default)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub fn with_capacity(capacity: usize) -> Self {
        Secret(Vec::with_capacity(capacity))
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Room for `additional` more bytes. Grows by hand: `Vec` would free the old block with the secret in it.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.0.len().saturating_add(additional);
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2)));
            grown.extend_from_slice(&self.0);
            wipe(&mut std::mem::replace(&mut self.0, grown));
        }
    }

    /// Appends `len` bytes that `write` fills in.
    pub fn append(&mut self, len: usize, write: impl FnOnce(&mut [u8])) {
        self.reserve(len);
        let start = self.0.len();
        self.0.resize(start.saturating_add(len), 0);
        if let Some(tail) = self.0.get_mut(start..) {
            write(tail);
        }
    }

    /// Appends the encoding of `bytes`.
    pub fn push_base64(&mut self, coder: &Base64, bytes: &[u8]) {
        self.reserve(coder.encoded_length(bytes.len()));
        coder.encode_append(bytes, &mut self.0);
    }

    /// Takes the first `count` bytes off. The block is wiped when it is dropped.
    pub fn remove_first(&mut self, count: usize) {
        drop(self.0.drain(..count.min(self.0.len())));
    }

    /// [`append`](Self::append) up to `room` bytes; `write` returns how many it filled in.
    pub fn append_some<E>(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let start = self.0.len();
        let mut written = Ok(0);
        self.append(room, |tail| written = write(tail));
        self.0.truncate(start.saturating_add(*written.as_ref().unwrap_or(&0)));
        written
    }

    pub fn zeroed(len: usize) -> Self {
        Secret(vec![0; len])
    }

    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Takes the last byte off.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text. Nothing if the bytes are not UTF-8; those that are read as text were made from text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Zeroes the whole block, spare capacity included, and leaves the vector empty.
fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    // Keeps the fill from being optimised away, without a volatile write per byte.
    optimization_barrier(bytes.as_slice());
    bytes.clear();
}

/// Zeroes a slice of a buffer that lives on.
pub(crate) fn wipe_slice(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(text.as_bytes().to_vec())
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Secret(self.0.clone())
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Secret(bytes)
    }
}
