//! The little of URLs that options need: scheme, host, port and path, for the endpoint, the base URL and the proxy.

use std::net::IpAddr;

/// A URL taken apart. The host is lower-cased, and an IPv6 literal keeps its brackets.
pub(crate) struct Url<'a> {
    /// Lower-cased.
    pub scheme: String,
    /// `user:password`, still percent-encoded.
    pub userinfo: Option<&'a str>,
    pub host: String,
    pub port: Option<u16>,
    /// Empty, or with its leading slash.
    pub path: &'a str,
    /// `?query` and `#fragment`, with their signs.
    pub rest: &'a str,
}

impl<'a> Url<'a> {
    /// Says what is wrong without repeating any of it.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("empty");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("contains a space, a control character or a non-ASCII character");
        }
        let (scheme, after) = text.split_once("://").ok_or("has no scheme")?;
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        let (path, rest) = tail.split_at_checked(tail.find(['?', '#']).unwrap_or(tail.len())).unwrap_or((tail, ""));
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(userinfo), host_port),
            None => (None, authority),
        };
        let (host, port) = match host_port.rsplit_once(':') {
            // A colon inside the brackets of an IPv6 literal does not begin a port.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host_port, None),
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse::<u16>() {
                Ok(port) if port != 0 => Some(port),
                _ => return Err("has a port that is not between 1 and 65535"),
            },
            Some(_) => return Err("has a port that is not a number"),
        };
        let host = host.to_ascii_lowercase();
        let is_name = host.len() <= 253
            && !host.split('.').any(str::is_empty)
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        let is_v6 = host.starts_with('[') && literal(&host).is_some();
        if !is_name && !is_v6 {
            return Err("has no valid host name");
        }
        Ok(Url { scheme: scheme.to_ascii_lowercase(), userinfo, host, port, path, rest })
    }

    /// https, or http where it cannot leave the machine.
    pub fn is_safe(&self) -> bool {
        self.scheme == "https" || (self.scheme == "http" && is_loopback(&self.host))
    }

    /// The port if it is not the scheme's own.
    pub fn unusual_port(&self) -> Option<u16> {
        self.port.filter(|port| *port != default_port(&self.scheme))
    }
}

pub(crate) fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// The address, if the host is an IP literal.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// 127.0.0.0/8, `[::1]`, or exactly `localhost`.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(|address| address.is_loopback())
}
