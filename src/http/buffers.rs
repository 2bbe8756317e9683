//! What a connection has received and nobody has read yet.

use crate::secret::{Secret, wipe_slice};

const FIRST_SIZE: usize = 8 * 1024;

/// Replies hold credentials, so what has been read is zeroed at once.
pub struct Input {
    bytes: Secret,
    /// What is between these two is unread.
    start: usize,
    end: usize,
}

impl Default for Input {
    fn default() -> Self {
        Input { bytes: Secret::zeroed(FIRST_SIZE), start: 0, end: 0 }
    }
}

impl Input {
    pub fn unread(&self) -> &[u8] {
        self.bytes.as_bytes().get(self.start..self.end).unwrap_or_default()
    }

    /// Where to receive more, at least a byte. [`received`](Self::received) says how much came.
    pub fn room(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            if self.start > 0 {
                let unread = self.end - self.start;
                self.bytes.as_mut_bytes().copy_within(self.start..self.end, 0);
                wipe_slice(self.bytes.as_mut_bytes().get_mut(unread..).unwrap_or_default());
                (self.start, self.end) = (0, unread);
            } else {
                // It is full of one head or one line, and the reader bounds both.
                self.bytes.append(self.bytes.len(), |_| {});
            }
        }
        self.bytes.as_mut_bytes().get_mut(self.end..).unwrap_or_default()
    }

    pub fn received(&mut self, count: usize) {
        self.end += count;
    }

    /// The first `count` unread bytes have been read.
    pub fn consume(&mut self, count: usize) {
        let read = self.start..self.end.min(self.start + count);
        self.start = read.end;
        wipe_slice(self.bytes.as_mut_bytes().get_mut(read).unwrap_or_default());
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}
