//! Which proxy, if any, and the CONNECT that opens a tunnel through it.

use base64_simd::STANDARD;

use super::lookup::HostPort;
use super::stream::Stream;
use crate::env::Environment;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::url::{Url, default_port, is_loopback, literal};
use crate::watch::Watch;

const EXPECTED: &str = "expected http://[user:password@]host:port";
/// A proxy's answer to CONNECT is a status line and a few headers.
const MAX_ANSWER: usize = 16 * 1024;

pub struct Proxy {
    pub place: HostPort,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Secret>,
    /// The password alone, to be kept out of errors.
    pub password: Option<Secret>,
}

impl Proxy {
    /// The proxy on the way to `target`: the option's (`""`: none), else the environment's.
    pub fn choose(option: Option<&str>, target: &str, environment: Environment) -> Result<Option<Self>, Error> {
        let chosen = match option {
            Some("") => return Ok(None),
            // Checked even where it is not used, so that a mistake in it is found now.
            Some(url) => Some(Self::parse(url, "")?),
            None => None,
        };
        if is_loopback(target) {
            return Ok(None);
        }
        if chosen.is_some() {
            return Ok(chosen);
        }
        if let Some(exceptions) = environment.first(&["NO_PROXY", "no_proxy"], "proxy_url")?
            && is_exempt(target, exceptions.value.as_str())
        {
            return Ok(None);
        }
        match environment.first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"], "proxy_url")? {
            Some(found) => Self::parse(found.value.as_str(), &found.origin).map(Some),
            None => Ok(None),
        }
    }

    fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::argument("proxy_url", format_args!("{origin}{problem}, {EXPECTED}"));
        let url = Url::parse(text).map_err(wrong)?;
        if url.scheme != "http" {
            return Err(Error::unsupported(
                "proxy_url",
                format_args!("{origin}another kind of proxy; only http:// proxies are supported, by CONNECT"),
            ));
        }
        if !matches!(url.path, "" | "/") || !url.rest.is_empty() {
            return Err(wrong("has a path, query or fragment"));
        }
        let (mut authorization, mut password) = (None, None);
        if let Some(userinfo) = url.userinfo {
            let (user, pass) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            let decoded = |text: &str| {
                let mut secret = Secret::with_capacity(text.len());
                percent_encoding::percent_decode_str(text).for_each(|byte| secret.push(&[byte]));
                secret
            };
            let pass = decoded(pass);
            let mut both = decoded(user);
            both.push(b":");
            both.push(pass.as_bytes());
            let mut value = Secret::from("Basic ");
            value.push_base64(&STANDARD, both.as_bytes());
            authorization = Some(value);
            password = Some(pass);
        }
        let port = url.port.unwrap_or(default_port("http"));
        Ok(Proxy { place: HostPort { host: url.host, port }, authorization, password })
    }

    /// Asks the proxy for a tunnel to `target`.
    pub fn open_tunnel(&self, stream: &mut Stream, target: &HostPort, watch: &mut Watch<'_>) -> Result<(), Error> {
        let HostPort { host, port } = target;
        let mut request = Secret::with_capacity(512);
        request.push(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").as_bytes());
        if let Some(authorization) = &self.authorization {
            request.push(b"Proxy-Authorization: ");
            request.push(authorization.as_bytes());
            request.push(b"\r\n");
        }
        request.push(b"\r\n");
        stream.write_all(request.as_bytes(), watch, "asking the proxy for a tunnel")?;

        let refused = |problem: &str| Error::new(Status::Connection, format!("the proxy {problem}"));
        // A buffer that is wiped, because a proxy may repeat the password it was sent.
        let mut answer = Secret::default();
        while !answer.as_bytes().windows(4).any(|end| end == b"\r\n\r\n") {
            let read = |to: &mut [u8]| stream.read(to, watch, "waiting for the proxy's answer");
            if answer.append_some(1024, read)? == 0 {
                return Err(refused("closed the connection instead of answering CONNECT"));
            }
            if answer.len() > MAX_ANSWER {
                return Err(refused("answered CONNECT with more than 16 KiB"));
            }
        }
        let answer = answer.as_bytes();
        let http_status = answer
            .strip_prefix(b"HTTP/1.")
            .and_then(|rest| std::str::from_utf8(rest.get(2..5)?).ok()?.parse::<u16>().ok())
            .ok_or_else(|| refused("did not answer CONNECT with HTTP"))?;
        match http_status {
            // TLS begins with the client, so nothing may stand behind the answer.
            200..300 if answer.ends_with(b"\r\n\r\n") => Ok(()),
            200..300 => Err(refused("sent data before the tunnel was used")),
            407 => Err(refused("wants credentials (HTTP 407)")
                .hinted("Put user name and password into the proxy URL: http://user:password@host:port.")
                .with_proxy_status(http_status)),
            400..500 => {
                Err(refused(&format!("refused the tunnel (HTTP {http_status})")).with_proxy_status(http_status))
            }
            _ => {
                Err(refused(&format!("could not open the tunnel (HTTP {http_status})")).with_proxy_status(http_status))
            }
        }
    }
}

/// `NO_PROXY`: a comma list of `*`, IP literals, and hosts that match themselves and their subdomains.
fn is_exempt(target: &str, exceptions: &str) -> bool {
    let address = literal(target);
    exceptions.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let host = entry.strip_prefix('.').unwrap_or(&entry);
        entry == "*"
            || match address {
                Some(address) => literal(&entry).or_else(|| entry.parse().ok()) == Some(address),
                None => target == host || target.strip_suffix(host).is_some_and(|head| head.ends_with('.')),
            }
    })
}

#[cfg(test)]
mod tests {
    use super::is_exempt;

    #[test]
    fn no_proxy_knows_hosts_subdomains_and_addresses() {
        for (target, list) in [
            ("api.cloudflare.com", "*"),
            ("api.cloudflare.com", "other, API.cloudflare.com"),
            ("api.cloudflare.com", "cloudflare.com"),
            ("api.cloudflare.com", " .cloudflare.com ,"),
            ("10.0.0.1", "10.0.0.1"),
            ("[fd00::1]", "fd00::1"),
            ("[fd00::1]", "[fd00:0::1]"),
        ] {
            assert!(is_exempt(target, list), "{target} {list}");
        }
        for (target, list) in [
            ("api.cloudflare.com", ""),
            ("api.cloudflare.com", "flare.com"),
            ("api.cloudflare.com", "www.api.cloudflare.com"),
            ("110.0.0.1", "10.0.0.1"),
            ("10.0.0.1", "0.0.1"),
        ] {
            assert!(!is_exempt(target, list), "{target} {list}");
        }
    }
}
