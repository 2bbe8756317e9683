//! HTTP/1.1 over TCP and TLS: the only code that knows ureq, sockets and TLS, and nothing of Cloudflare.
//!
//! `pool` owns the connections and opens them (`lookup`, `stream`, `proxy`, `tls`); `exchange` sends one request over a
//! connection and reads its reply (`message`, `head`, `buffers`).

mod buffers;
mod exchange;
mod head;
mod lookup;
mod message;
mod pool;
mod proxy;
mod stream;
mod tls;

pub(crate) use self::head::Unreadable;
pub(crate) use self::message::{HeaderText, Reply, Request};
pub(crate) use self::pool::Http;
