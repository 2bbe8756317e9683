//! Which proxy, if any, and the CONNECT that opens a tunnel through it.

use std::net::IpAddr;

use base64_simd::STANDARD;

use super::head;
use super::lookup::HostPort;
use super::stream::Stream;
use crate::env::Environment;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::text::cleaned;
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
    /// Some proxies let nobody through who does not say what it is.
    user_agent: String,
}

impl Proxy {
    /// The proxy on the way to `target`: the option's (`""`: none), else the environment's.
    pub fn choose(
        option: Option<&str>,
        target: &str,
        environment: Environment<'_>,
        user_agent: &str,
    ) -> Result<Option<Self>, Error> {
        let chosen = match option {
            Some("") => return Ok(None),
            // Checked even where it is not used, so that a mistake in it is found now.
            Some(url) => Some(Self::parse(url, "", user_agent)?),
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
            Some(found) => Self::parse(found.value.as_str(), &found.origin, user_agent).map(Some),
            None => Ok(None),
        }
    }

    fn parse(text: &str, origin: &str, user_agent: &str) -> Result<Self, Error> {
        let wrong = |problem: &str| {
            let error = Error::argument("proxy_url", format_args!("{origin}{problem}, {EXPECTED}"));
            if text.contains('@') { error.hinted(ENCODED_HINT) } else { error }
        };
        let url = Url::parse(text).map_err(wrong)?;
        if url.scheme != "http" {
            let error = Error::unsupported(
                "proxy_url",
                format_args!("{origin}another kind of proxy; only http:// proxies are supported, by CONNECT"),
            );
            return Err(match url.scheme.as_str() {
                "https" => error.hinted(
                    "https:// would be a proxy that is itself reached by TLS. Most proxies for https requests are \
                     http:// ones: try that.",
                ),
                _ => error,
            });
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
        let user_agent = user_agent.to_owned();
        Ok(Proxy { place: HostPort { host: url.host, port }, authorization, password, user_agent })
    }

    /// Asks the proxy for a tunnel to `target`.
    pub fn open_tunnel(&self, stream: &mut Stream, target: &HostPort, watch: &mut Watch<'_>) -> Result<(), Error> {
        let HostPort { host, port } = target;
        let mut request = Secret::with_capacity(512);
        let agent = &self.user_agent;
        let head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {agent}\r\n");
        request.push(head.as_bytes());
        if let Some(authorization) = &self.authorization {
            request.push(b"Proxy-Authorization: ");
            request.push(authorization.as_bytes());
            request.push(b"\r\n");
        }
        request.push(b"\r\n");
        stream.write_all(request.as_bytes(), watch, "asking the proxy for a tunnel")?;

        // A proxy may repeat what it was sent.
        let mut answer = Secret::default();
        loop {
            if let Some(end) = head::length(answer.as_bytes()) {
                let (head, rest) = answer.as_bytes().split_at_checked(end).unwrap_or_default();
                let http_status = head
                    .strip_prefix(b"HTTP/1.")
                    .and_then(|rest| std::str::from_utf8(rest.get(2..5)?).ok()?.parse::<u16>().ok())
                    .ok_or_else(|| refused("did not answer CONNECT with HTTP"))?;
                match http_status {
                    // Interim: the answer is still to come.
                    100..200 => {
                        answer.remove_first(end);
                        continue;
                    }
                    // TLS begins with the client, so nothing may stand behind the answer.
                    200..300 if rest.is_empty() => return Ok(()),
                    200..300 => return Err(refused("sent data before the tunnel was used")),
                    _ => return Err(self.refusal(http_status, head).with_proxy_status(http_status)),
                }
            }
            if answer.len() > MAX_ANSWER {
                return Err(refused("answered CONNECT with more than 16 KiB"));
            }
            let read = |to: &mut [u8]| stream.read(to, watch, "waiting for the proxy's answer");
            if answer.append_some(1024, read)? == 0 {
                return Err(refused("closed the connection instead of answering CONNECT"));
            }
        }
    }

    fn refusal(&self, http_status: u16, head: &[u8]) -> Error {
        match http_status {
            407 => {}
            400..500 => return refused(&format!("refused the tunnel (HTTP {http_status})")),
            _ => return refused(&format!("could not open the tunnel (HTTP {http_status})")),
        }
        let schemes = asked_schemes(head);
        // The proxy may repeat the password here, too.
        let secrets: Vec<&[u8]> = self.password.iter().map(Secret::as_bytes).collect();
        let named: Vec<String> = schemes.iter().map(|scheme| cleaned(scheme.as_bytes(), &secrets)).collect();
        let asks = if named.is_empty() { String::new() } else { format!("; it asks for {}", named.join(", ")) };
        let takes_basic = schemes.is_empty() || schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic"));
        let problem = match self.authorization {
            Some(_) => format!("does not take the credentials of the proxy URL (HTTP 407{asks})"),
            None => format!("wants credentials (HTTP 407{asks})"),
        };
        refused(&problem).hinted(match self.authorization {
            _ if !takes_basic => {
                "Of the ways to log in to a proxy, only Basic is supported. Use a proxy that takes it, or one on this \
                 machine that logs in to the other."
            }
            Some(_) => ENCODED_HINT,
            None => "Put user name and password into the proxy URL: http://user:password@host:port.",
        })
    }
}

const ENCODED_HINT: &str =
    "Check user name and password. Characters such as @ : / ? # % in them have to be percent-encoded, @ as %40.";

fn refused(problem: &str) -> Error {
    Error::new(Status::Connection, format!("the proxy {problem}"))
}

/// The schemes of all `Proxy-Authenticate` headers, such as Basic and NTLM.
fn asked_schemes(head: &[u8]) -> Vec<&str> {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'));
    let values = lines.filter(|(name, _)| name.trim().eq_ignore_ascii_case("proxy-authenticate"));
    // A scheme is the first word of a challenge; what has an equals sign is a parameter of the one before.
    let words = values.flat_map(|(_, value)| value.split(',')).filter_map(|part| part.split_whitespace().next());
    words.filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).collect()
}

/// `NO_PROXY`: a list, with commas or spaces between, of `*`, IP addresses, networks such as `10.0.0.0/8`, and hosts that
/// match themselves and their subdomains, with or without a dot at either end.
fn is_exempt(target: &str, exceptions: &str) -> bool {
    let address = literal(target);
    let entries = exceptions.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| match address {
        _ if entry == "*" => true,
        Some(address) => is_in_network(address, &entry),
        None => {
            let host = entry.trim_start_matches('.').trim_end_matches('.');
            !host.is_empty() && (target == host || target.strip_suffix(host).is_some_and(|head| head.ends_with('.')))
        }
    })
}

/// Whether an address is the entry's, or in its network.
fn is_in_network(address: IpAddr, entry: &str) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => match length.parse::<u32>() {
            Ok(length) => (network, Some(length)),
            Err(_) => return false,
        },
        None => (entry, None),
    };
    let Some(network) = literal(network).or_else(|| network.parse().ok()) else { return false };
    let (address, network, bits) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (address.to_bits().into(), network.to_bits().into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let length = length.unwrap_or(bits);
    // Shifting out all 128 bits leaves nothing to differ.
    length <= bits && (address ^ network).checked_shr(bits - length).unwrap_or(0) == 0
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
            ("api.cloudflare.com", "other  cloudflare.com\tmore"),
            ("api.cloudflare.com", "cloudflare.com."),
            ("api.cloudflare.com", ".api.cloudflare.com."),
            ("10.1.2.3", "192.168.0.0/16 10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3", "0.0.0.0/0"),
            ("[fd00::1]", "fd00::/8"),
            ("[fd00::1]", "::/0"),
        ] {
            assert!(is_exempt(target, list), "{target} {list}");
        }
        for (target, list) in [
            ("api.cloudflare.com", ""),
            ("api.cloudflare.com", "flare.com"),
            ("api.cloudflare.com", "www.api.cloudflare.com"),
            ("110.0.0.1", "10.0.0.1"),
            ("10.0.0.1", "0.0.1"),
            ("api.cloudflare.com", "."),
            ("11.0.0.1", "10.0.0.0/8"),
            ("10.0.0.1", "10.0.0.0/33"),
            ("10.0.0.1", "10.0.0.0/"),
            ("10.0.0.1", "10.0.0.0/x"),
            ("10.0.0.1", "::/0"),
            ("[fe00::1]", "fd00::/8"),
        ] {
            assert!(!is_exempt(target, list), "{target} {list}");
        }
    }
}
