//! What the environment decides: authentication, base URL, proxy, roots; and that only `r2creds_client_new` reads it.
//!
//! The environment belongs to the whole process, so every test runs in a child process of its own.

use std::ffi::{CStr, CString, OsString};
use std::ptr;

use r2creds::ffi::*;
use support::calls::{Client, Options, Outcome, Params, call};
use support::certificates::Authority;
use support::files::TempFile;
use support::process::{alone, is_emulated, set_environment};
use support::server::{DeadPort, Request, Server, granted, reply};

/// All options NULL, as far as the environment can decide them.
fn nothing_set() -> Options {
    let mut options = Options::empty();
    options.raw.max_retries = -1;
    options
}

fn text(options: &mut Options, value: Option<&str>) -> *const std::ffi::c_char {
    value.map_or(ptr::null(), |value| options.memory.text(value))
}

/// A client with these explicit values for token, e-mail and key.
fn authenticated(base_url: &str, [token, email, key]: [Option<&str>; 3]) -> Outcome<Client> {
    let mut options = nothing_set();
    options.raw.base_url = text(&mut options, Some(base_url));
    options.raw.api_token = text(&mut options, token);
    options.raw.api_email = text(&mut options, email);
    options.raw.api_key = text(&mut options, key);
    options.client()
}

/// Bearer, e-mail and key as they were sent.
fn scheme(request: &Request) -> [Option<String>; 3] {
    ["authorization", "x-auth-email", "x-auth-key"].map(|name| {
        let values = request.header(name);
        assert!(values.len() <= 1, "{}", request.head);
        values.first().map(|value| value.to_string())
    })
}

const ALL: [(&str, &str); 3] = [
    ("CLOUDFLARE_API_TOKEN", "env-token"),
    ("CLOUDFLARE_EMAIL", "env@example.test"),
    ("CLOUDFLARE_API_KEY", "env-key"),
];

#[test]
fn authentication_is_explicit_then_a_token_then_a_pair_and_never_two() {
    alone(&[], || {
        let server = Server::with_replies(vec![granted()]);
        let bearer = |token: &str| [Some(format!("Bearer {token}")), None, None];
        let pair = |email: &str, key: &str| [None, Some(email.to_owned()), Some(key.to_owned())];
        let explicit_pair = [None, Some("me@example.test"), Some("my-key")];
        for (variables, explicit, expected) in [
            (&ALL[..], [Some("my-token"), None, None], bearer("my-token")),
            (&ALL, [Some("my-token"), Some("me@example.test"), Some("my-key")], bearer("my-token")),
            (&ALL, explicit_pair, pair("me@example.test", "my-key")),
            (&ALL[..1], explicit_pair, pair("me@example.test", "my-key")),
            (&[], explicit_pair, pair("me@example.test", "my-key")),
            (&ALL, [None; 3], bearer("env-token")),
            (&ALL[..1], [None; 3], bearer("env-token")),
            (&ALL[..2], [None; 3], bearer("env-token")),
            (&ALL[1..], [None; 3], pair("env@example.test", "env-key")),
            // Trimmed; and what is empty then, is not set.
            (&[("CLOUDFLARE_API_TOKEN", " \t env-token\r\n")], [None; 3], bearer("env-token")),
            (&[("CLOUDFLARE_API_TOKEN", ""), ALL[1], ALL[2]], [None; 3], pair("env@example.test", "env-key")),
            (&[("CLOUDFLARE_API_TOKEN", " \n"), ALL[1], ALL[2]], [None; 3], pair("env@example.test", "env-key")),
            (
                &[("CLOUDFLARE_EMAIL", " env@example.test\n"), ("CLOUDFLARE_API_KEY", "\tenv-key ")],
                [None; 3],
                pair("env@example.test", "env-key"),
            ),
            // What is not asked for is not looked at either.
            (&[("CLOUDFLARE_API_TOKEN", "a b")], [Some("my-token"), None, None], bearer("my-token")),
            (&[("CLOUDFLARE_API_TOKEN", "a b")], explicit_pair, pair("me@example.test", "my-key")),
        ] {
            set_environment(variables);
            let client = authenticated(&server.url(), explicit).unwrap_or_else(|failure| panic!("{failure:?}"));
            client.create(&Params::valid()).unwrap();
            let requests = server.seen().requests;
            assert_eq!(scheme(requests.last().unwrap()), expected, "{variables:?} {explicit:?}");
        }
    });
}

#[test]
fn without_authentication_there_is_no_client() {
    alone(&[], || {
        for variables in [
            &[][..],
            &ALL[1..2],
            &ALL[2..],
            &[("CLOUDFLARE_API_TOKEN", " ")],
            &[ALL[1], ("CLOUDFLARE_API_KEY", "")],
            &[("CLOUDFLARE_EMAIL", "\n"), ALL[2]],
        ] {
            set_environment(variables);
            let failure = authenticated("http://127.0.0.1:9", [None; 3]).err().unwrap();
            assert_eq!(failure.status, R2CREDS_STATUS_NO_AUTHENTICATION, "{variables:?}: {failure:?}");
            assert_eq!((failure.attempts, failure.retryable), (0, false));
            assert!(failure.message.contains("CLOUDFLARE_API_TOKEN"), "{}", failure.message);
            assert!(!failure.texts().contains("env-key"));
        }
    });
}

#[test]
fn half_an_explicit_pair_is_refused_whatever_else_there_is() {
    alone(&[], || {
        for variables in [&[][..], &ALL] {
            set_environment(variables);
            for token in [None, Some("my-token")] {
                for (explicit, missing) in
                    [([token, Some("me@example.test"), None], "api_key"), ([token, None, Some("my-key")], "api_email")]
                {
                    let failure = authenticated("http://127.0.0.1:9", explicit).err().unwrap();
                    assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{explicit:?}");
                    assert_eq!(failure.field.as_deref(), Some(missing), "{explicit:?}");
                }
            }
        }
    });
}

#[test]
fn an_empty_explicit_value_does_not_mean_the_environment() {
    alone(&[], || {
        set_environment(&ALL);
        for (explicit, field) in [
            ([Some(""), None, None], "api_token"),
            ([None, Some(""), Some("my-key")], "api_email"),
            ([None, Some("me@example.test"), Some("")], "api_key"),
        ] {
            let failure = authenticated("http://127.0.0.1:9", explicit).err().unwrap();
            assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT);
            assert_eq!(failure.field.as_deref(), Some(field));
        }
        let failure = authenticated("", [None; 3]).err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("base_url")));
    });
}

#[test]
fn a_value_that_would_break_a_header_is_refused_and_named_but_not_shown() {
    alone(&[], || {
        for (variable, field) in [
            ("CLOUDFLARE_API_TOKEN", "api_token"),
            ("CLOUDFLARE_EMAIL", "api_email"),
            ("CLOUDFLARE_API_KEY", "api_key"),
        ] {
            for value in ["visible\r\nX-Evil: 1", "visible two", "visible\u{e9}", "visible\u{1}"] {
                let others = ALL[1..].iter().filter(|(name, _)| *name != variable);
                let variables: Vec<_> = others.copied().chain([(variable, value)]).collect();
                set_environment(&variables);
                let failure = authenticated("http://127.0.0.1:9", [None; 3]).err().unwrap();
                assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{variable}");
                assert_eq!(failure.field.as_deref(), Some(field));
                assert!(failure.message.contains(variable), "{}", failure.message);
                assert!(!failure.texts().contains("visible\r") && !failure.texts().contains("Evil"));
            }
        }
        set_environment(&[]);
        #[cfg(unix)]
        let no_text = std::os::unix::ffi::OsStringExt::from_vec(b"token\xff".to_vec());
        // Half of a pair.
        #[cfg(windows)]
        let no_text = std::os::windows::ffi::OsStringExt::from_wide(&[0xd800]);
        let no_text: OsString = no_text;
        // SAFETY: as in `set_environment`.
        unsafe { std::env::set_var("CLOUDFLARE_API_TOKEN", no_text) };
        let failure = authenticated("http://127.0.0.1:9", [None; 3]).err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("api_token")));
    });
}

#[test]
fn the_base_url_of_the_environment_stands_in_for_the_option() {
    alone(&[], || {
        let (server, other) = (Server::with_replies(vec![granted()]), Server::with_replies(vec![granted()]));
        for (value, path) in
            [(server.url(), "/accounts/"), (format!(" {}/client/v4/\n", server.url()), "/client/v4/accounts/")]
        {
            set_environment(&[ALL[0], ("CLOUDFLARE_BASE_URL", &value)]);
            nothing_set().client().unwrap().create(&Params::valid()).unwrap();
            let requests = server.seen().requests;
            let line = requests.last().unwrap().line();
            assert!(line.starts_with(&format!("POST {path}")), "{line}");
        }
        // With NULL for all options, too.
        // SAFETY: NULL is allowed there.
        let client: Client = call(|out, err| unsafe { r2creds_client_new(ptr::null(), out, err) }).unwrap();
        client.create(&Params::valid()).unwrap();
        assert_eq!(server.seen().requests.len(), 3);
        // The option goes first, and then nobody looks at the variable.
        for value in [server.url().as_str(), "ftp://nonsense"] {
            set_environment(&[ALL[0], ("CLOUDFLARE_BASE_URL", value)]);
            authenticated(&other.url(), [None; 3]).unwrap().create(&Params::valid()).unwrap();
        }
        assert_eq!((server.seen().requests.len(), other.seen().requests.len()), (3, 2));
    });
}

#[test]
fn a_base_url_of_the_environment_has_the_rules_of_the_option() {
    alone(&[], || {
        for value in [
            "nonsense",
            "ftp://127.0.0.1",
            "http://api.example.test",
            "https://user:hunter@api.example.test",
            "https://api.example.test/?query",
            "https://api.example.test/#fragment",
            "https://api.example.test:99999",
        ] {
            set_environment(&[ALL[0], ("CLOUDFLARE_BASE_URL", value)]);
            let failure = nothing_set().client().err().unwrap_or_else(|| panic!("{value}"));
            assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{value}");
            assert_eq!(failure.field.as_deref(), Some("base_url"), "{value}");
            assert!(!failure.texts().contains("hunter") && !failure.texts().contains("example"), "{failure:?}");
        }
        // Empty is unset: Cloudflare's own.
        for value in ["", " \t"] {
            set_environment(&[ALL[0], ("CLOUDFLARE_BASE_URL", value)]);
            nothing_set().client().unwrap();
        }
    });
}

/// Whether a client for this place would use the proxy of the environment: one of a kind that is refused, so that
/// making the client is enough to tell, and nothing is sent.
fn is_proxied(base_url: &str, variables: &[(&str, &str)]) -> bool {
    set_environment(variables);
    match authenticated(base_url, [Some("my-token"), None, None]) {
        Ok(_) => false,
        Err(failure) => {
            assert_eq!(failure.status, R2CREDS_STATUS_UNSUPPORTED, "{variables:?}: {failure:?}");
            assert_eq!(failure.field.as_deref(), Some("proxy_url"));
            assert!(!failure.texts().contains("seen-by-nobody"), "{failure:?}");
            true
        }
    }
}

const SOCKS: &str = "socks5://user:seen-by-nobody@127.0.0.1:1080";

#[test]
fn a_proxy_of_another_kind_is_refused_from_each_variable() {
    alone(&[], || {
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            for value in
                [SOCKS, "socks5h://x:1", "https://user:seen-by-nobody@proxy.example.test:443", " socks4://x:1 "]
            {
                assert!(is_proxied("https://api.example.test", &[(variable, value)]), "{variable} {value}");
            }
            for value in ["", " \t\n"] {
                assert!(!is_proxied("https://api.example.test", &[(variable, value)]), "{variable}");
            }
        }
        // Other schemes' variables are not ours.
        set_environment(&[]);
        // SAFETY: as in `set_environment`.
        unsafe {
            std::env::set_var("HTTP_PROXY", SOCKS);
            std::env::set_var("http_proxy", SOCKS);
        }
        authenticated("https://api.example.test", [Some("my-token"), None, None]).unwrap();
    });
}

#[test]
fn nonsense_in_a_proxy_variable_is_an_invalid_argument() {
    alone(&[], || {
        for value in
            ["nonsense", "nonsense:8080", "http://nonsense:port", "http://nonsense:1/path", "http://user:nonsense@"]
        {
            set_environment(&[("HTTPS_PROXY", value)]);
            let failure = authenticated("https://api.example.test", [Some("my-token"), None, None]).err().unwrap();
            assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{value}");
            assert_eq!(failure.field.as_deref(), Some("proxy_url"), "{value}");
            assert!(failure.message.contains("HTTPS_PROXY"), "{}", failure.message);
            assert!(!failure.texts().contains("nonsense"), "{failure:?}");
        }
    });
}

#[test]
fn the_first_proxy_variable_that_is_set_counts() {
    alone(&[], || {
        let order = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        for first in 0..order.len() {
            for second in first + 1..order.len() {
                // There they are one.
                if cfg!(windows) && order[first].eq_ignore_ascii_case(order[second]) {
                    continue;
                }
                let usable = "http://127.0.0.1:1";
                let at = |a: &'static str, b: &'static str| [(order[first], a), (order[second], b)];
                assert!(!is_proxied("https://api.example.test", &at(usable, SOCKS)), "{first} {second}");
                assert!(is_proxied("https://api.example.test", &at(SOCKS, usable)), "{first} {second}");
                assert!(is_proxied("https://api.example.test", &at(" ", SOCKS)), "{first} {second}");
            }
        }
    });
}

#[test]
fn no_proxy_exempts_hosts_subdomains_and_addresses() {
    alone(&[], || {
        for (host, list, expected) in [
            ("api.example.test", "*", false),
            ("api.example.test", " * ", false),
            ("api.example.test", "other.test,*", false),
            ("api.example.test", "api.example.test", false),
            ("API.Example.Test", "api.example.TEST", false),
            ("api.example.test", "example.test", false),
            ("api.example.test", ".example.test", false),
            ("example.test", ".example.test", false),
            ("a.b.example.test", "example.test", false),
            ("api.example.test", "one.test , example.test,two.test", false),
            ("api.example.test", ",, ,example.test,", false),
            ("192.0.2.7", "192.0.2.7", false),
            ("[2001:db8::7]", "2001:db8::7", false),
            ("[2001:db8::7]", "[2001:db8::7]", false),
            ("[2001:db8::7]", "2001:DB8:0::7", false),
            ("api.example.test", "", true),
            ("api.example.test", " , ", true),
            ("api.example.test", "ample.test", true),
            ("badexample.test", "example.test", true),
            ("api.example.test", "www.api.example.test", true),
            ("api.example.test", "api.example.test.evil.test", true),
            ("example.test.evil.test", "example.test", true),
            ("api.example.test", "*.example.test", true),
            ("192.0.2.7", "2.7", true),
            ("192.0.2.7", ".7", true),
            ("192.0.2.70", "192.0.2.7", true),
            ("[2001:db8::7]", "2001:db8::8", true),
        ] {
            for variable in ["NO_PROXY", "no_proxy"] {
                let variables = [("HTTPS_PROXY", SOCKS), (variable, list)];
                assert_eq!(
                    is_proxied(&format!("https://{host}:8443"), &variables),
                    expected,
                    "{host} {variable}={list}"
                );
            }
        }
        let both = |upper, lower| [("ALL_PROXY", SOCKS), ("NO_PROXY", upper), ("no_proxy", lower)];
        // On Windows they are one, and the last that was set counts.
        if cfg!(not(windows)) {
            assert!(!is_proxied("https://api.example.test", &both("*", "other.test")));
            assert!(is_proxied("https://api.example.test", &both("other.test", "*")));
        }
        assert!(!is_proxied("https://api.example.test", &both(" ", "*")));
        // It is about the environment's proxy, not about one that was asked for.
        set_environment(&[("NO_PROXY", "*")]);
        let mut options = Options::to("https://api.example.test");
        options.raw.proxy_url = options.memory.text(SOCKS);
        assert_eq!(options.client().err().unwrap().status, R2CREDS_STATUS_UNSUPPORTED);
    });
}

/// 0.0.0.0 reaches this machine and is not loopback, so it goes through a proxy, and without one it still arrives.
const NOT_LOOPBACK: &str = "0.0.0.0";

#[test]
fn the_proxy_of_the_environment_is_used_unless_the_option_says_otherwise() {
    alone(&[], || {
        let authority = Authority::generate();
        let api = Server::start_tls(authority.server(NOT_LOOPBACK), |connection| {
            connection.request();
            connection.send(&granted());
        });
        let file = TempFile::new(authority.pem());
        let refusing = || Server::with_replies(vec![reply("403 Forbidden", "", "")]);
        let (of_environment, of_option) = (refusing(), refusing());
        let url = format!("https://{NOT_LOOPBACK}:{}", api.port());
        let create = |proxy_url: Option<&str>| {
            let mut options = Options::to(&url);
            options.raw.proxy_url = text(&mut options, proxy_url);
            options.raw.ca_file = options.memory.text(file.path());
            options.client().unwrap().create(&Params::valid())
        };
        let counts = || (of_environment.seen().accepted, of_option.seen().accepted, api.seen().requests.len());

        set_environment(&[("HTTPS_PROXY", &of_environment.url())]);
        assert!(create(None).unwrap_err().message.contains("proxy"));
        assert_eq!(counts(), (1, 0, 0));
        assert!(create(Some(&of_option.url())).unwrap_err().message.contains("proxy"));
        assert_eq!(counts(), (1, 1, 0));
        create(Some("")).unwrap();
        assert_eq!(counts(), (1, 1, 1));
        set_environment(&[("HTTPS_PROXY", &of_environment.url()), ("NO_PROXY", NOT_LOOPBACK)]);
        create(None).unwrap();
        assert_eq!(counts(), (1, 1, 2));
        set_environment(&[]);
        create(None).unwrap();
        assert_eq!(counts(), (1, 1, 3));
    });
}

#[test]
fn loopback_is_not_proxied_by_the_environment() {
    alone(&[], || {
        let proxy = Server::with_replies(vec![reply("403 Forbidden", "", "")]);
        let server = Server::with_replies(vec![granted()]);
        set_environment(&[("HTTPS_PROXY", &proxy.url()), ("ALL_PROXY", &proxy.url())]);
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{}", server.port());
            authenticated(&url, [Some("my-token"), None, None]).unwrap().create(&Params::valid()).unwrap();
        }
        assert_eq!((proxy.seen().accepted, server.seen().requests.len()), (0, 2));
    });
}

#[test]
fn the_roots_of_the_environment_are_trusted_instead_of_the_systems() {
    alone(&[], || {
        let authority = Authority::generate();
        let server = Server::start_tls(authority.server("127.0.0.1"), |connection| {
            connection.request();
            connection.send(&granted());
        });
        let url = server.url();
        let (ours, other) = (TempFile::new(authority.pem()), TempFile::new(Authority::generate().pem()));
        let status = |ca_file: Option<&str>| {
            let mut options = Options::to(&url);
            options.raw.ca_file = text(&mut options, ca_file);
            options.raw.max_retries = -1;
            let client = options.client()?;
            client.create(&Params::valid())
        };
        set_environment(&[("SSL_CERT_FILE", ours.path())]);
        status(None).unwrap();
        // The option goes first, in both directions.
        assert_eq!(status(Some(other.path())).unwrap_err().status, R2CREDS_STATUS_TLS);
        set_environment(&[("SSL_CERT_FILE", other.path())]);
        assert_eq!(status(None).unwrap_err().status, R2CREDS_STATUS_TLS);
        status(Some(ours.path())).unwrap();
        // Whoever names a file wants that one: never others instead of it.
        let empty = TempFile::new("");
        for path in ["/nowhere/at/all.pem", empty.path()] {
            set_environment(&[("SSL_CERT_FILE", path)]);
            let failure = status(None).unwrap_err();
            assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_INVALID_ARGUMENT, 0), "{failure:?}");
            assert!(failure.message.contains("SSL_CERT_FILE"), "{}", failure.message);
            status(Some(ours.path())).unwrap();
        }
        // There a directory is not looked at: src/http/tls.rs says why.
        if cfg!(any(windows, target_vendor = "apple")) {
            return;
        }
        // A directory holds them under the hash of their name.
        let directory = std::env::temp_dir().join(format!("r2creds-test-roots-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("deadbeef.0"), authority.pem()).unwrap();
        set_environment(&[("SSL_CERT_DIR", directory.to_str().unwrap())]);
        let result = status(None);
        std::fs::remove_dir_all(&directory).unwrap();
        result.unwrap();
    });
}

#[test]
fn an_empty_name_of_roots_is_none() {
    alone(&[], || {
        for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            set_environment(&[(variable, "")]);
            authenticated("https://127.0.0.1:9", [Some("my-token"), None, None])
                .unwrap_or_else(|failure| panic!("{variable}: {failure:?}"));
        }
    });
}

#[test]
fn create_does_not_read_the_environment() {
    alone(&[], || {
        let authority = Authority::generate();
        let api = Server::start_tls(authority.server(NOT_LOOPBACK), |connection| {
            // Every call has to connect anew, and so to ask again whatever it asks.
            if connection.request().is_some() {
                connection.send(&granted());
            }
        });
        let ours = TempFile::new(authority.pem());
        let url = format!("https://{NOT_LOOPBACK}:{}", api.port());
        set_environment(&[ALL[0], ("CLOUDFLARE_BASE_URL", &url), ("SSL_CERT_FILE", ours.path())]);
        let client = nothing_set().client().unwrap();
        // Not even before the first call.
        drop(ours);
        let nobody = DeadPort::bind();
        let dead = nobody.url();
        set_environment(&[
            ("CLOUDFLARE_API_TOKEN", "other-token"),
            ("CLOUDFLARE_BASE_URL", &dead),
            ("HTTPS_PROXY", &dead),
            ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
        ]);
        for calls in 1..=2 {
            client.create(&Params::valid()).unwrap();
            api.wait_for(|seen| seen.closed == calls);
        }
        let seen = api.seen();
        assert_eq!(seen.accepted, 2);
        for request in &seen.requests {
            assert_eq!(scheme(request), [Some("Bearer env-token".into()), None, None]);
        }
    });
}

#[test]
fn a_client_that_is_told_not_to_reads_no_variable() {
    // Each of these would change the client, or make an error of it.
    let variables = [
        ("CLOUDFLARE_API_TOKEN", "a token\nwith a line break"),
        ("CLOUDFLARE_BASE_URL", "no URL"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
    ];
    alone(&variables, || {
        let mut options = nothing_set();
        options.raw.flags = R2CREDS_CLIENT_NO_ENVIRONMENT;
        let failure = options.client().err().unwrap();
        assert_eq!(failure.status, R2CREDS_STATUS_NO_AUTHENTICATION, "{failure:?}");
        assert!(failure.message.contains("the environment is not read"), "{failure:?}");
        assert!(!failure.message.contains("CLOUDFLARE_"), "{failure:?}");

        options.raw.api_token = options.memory.text("my-token");
        options.client().unwrap();
        let server = Server::with_replies(vec![granted()]);
        options.raw.base_url = options.memory.text(server.url());
        options.client().unwrap().create(&Params::valid()).unwrap();
        assert_eq!(scheme(&server.seen().requests[0])[0].as_deref(), Some("Bearer my-token"));

        // Without the flag the same options meet the environment.
        options.raw.flags = 0;
        options.raw.base_url = ptr::null();
        assert_eq!(options.client().err().unwrap().field.as_deref(), Some("base_url"));
    });
}

/// A client whose environment is the one given here.
fn client_in(options: &Options, environment: &[&CStr]) -> Outcome<Client> {
    let environment: Vec<_> = environment.iter().map(|variable| variable.as_ptr()).collect();
    // SAFETY: the options and all strings live through the call.
    call(|out, err| unsafe {
        let (raw, variables) = (&raw const options.raw, environment.as_ptr());
        r2creds_client_new_with_environment(raw, variables, environment.len(), out, err)
    })
}

#[test]
fn an_environment_that_is_passed_is_read_instead_of_the_process_s_own() {
    alone(&[], || {
        let server = Server::with_replies(vec![granted()]);
        set_environment(&[ALL[0], ("HTTPS_PROXY", "socks5://127.0.0.1:1"), ("SSL_CERT_FILE", "/nothing/here")]);
        let base_url = CString::new(format!("CLOUDFLARE_BASE_URL={}", server.url())).unwrap();
        let odd = c"NOT_UTF_8=\xff";
        let given =
            [odd, c"", c"no equals sign", c"CLOUDFLARE_API_TOKEN_2=no", c"CLOUDFLARE_API_TOKEN=given", &base_url];
        let twice = [&given[..], &[c"CLOUDFLARE_API_TOKEN=second"]].concat();
        for variables in [&given[..], &twice] {
            client_in(&nothing_set(), variables).unwrap().create(&Params::valid()).unwrap();
            let seen = server.seen().requests;
            assert_eq!(scheme(seen.last().unwrap()), [Some("Bearer given".to_owned()), None, None]);
        }

        // None at all, as an array without entries and as NULL.
        let failure = client_in(&nothing_set(), &[]).err().unwrap();
        assert_eq!(failure.status, R2CREDS_STATUS_NO_AUTHENTICATION);
        let none = |len| {
            let options = nothing_set();
            // SAFETY: the options live through the call; NULL is allowed.
            let made: Outcome<Client> = call(|out, err| unsafe {
                r2creds_client_new_with_environment(&raw const options.raw, ptr::null(), len, out, err)
            });
            made.err().unwrap()
        };
        assert_eq!(none(0).status, R2CREDS_STATUS_NO_AUTHENTICATION);
        assert_eq!((none(1).status, none(1).field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("environment")));

        // The rules are the same: proxies and their exceptions, roots, what is not UTF-8, and the caller's wish.
        let token = c"CLOUDFLARE_API_TOKEN=given";
        let proxy = c"HTTPS_PROXY=socks5://127.0.0.1:1";
        let failure = client_in(&nothing_set(), &[token, proxy]).err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_UNSUPPORTED, Some("proxy_url")));
        client_in(&nothing_set(), &[token, proxy, c"NO_PROXY=cloudflare.com"]).unwrap();
        let failure = client_in(&nothing_set(), &[token, c"SSL_CERT_FILE=/nothing/here"]).err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("ca_file")));
        let failure = client_in(&nothing_set(), &[c"CLOUDFLARE_API_TOKEN=\xff"]).err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("api_token")));
        let mut unwanted = nothing_set();
        unwanted.raw.flags = R2CREDS_CLIENT_NO_ENVIRONMENT;
        assert_eq!(client_in(&unwanted, &given).err().unwrap().status, R2CREDS_STATUS_NO_AUTHENTICATION);
    });
}

// Windows has no such programs.
#[cfg(unix)]
/// A copy of this program that starts with the rights of another user than the one who starts it. Only root can make
/// one; elsewhere a line says that the test is left out.
fn raised_copy() -> Option<std::path::PathBuf> {
    let copy = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("raised");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    if std::os::unix::fs::chown(&copy, Some(65534), None).is_err() {
        std::fs::remove_file(copy).unwrap();
        eprintln!("skipped: a set-uid program can only be made by root");
        return None;
    }
    let raised = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    std::fs::set_permissions(&copy, raised).unwrap();
    Some(copy)
}

#[test]
#[cfg(unix)]
fn a_process_with_raised_rights_reads_no_environment_and_says_so() {
    if is_emulated() {
        return;
    }
    const IN_COPY: &str = "R2CREDS_TEST_RAISED";
    if std::env::var_os(IN_COPY).is_none() {
        let Some(copy) = raised_copy() else { return };
        let mut command = std::process::Command::new(&copy);
        let name = "a_process_with_raised_rights_reads_no_environment_and_says_so";
        command.args(["--exact", name, "--nocapture"]).env_clear().env(IN_COPY, "1").envs(ALL);
        let output = command.env("HTTPS_PROXY", "socks5://127.0.0.1:1").env("SSL_CERT_FILE", "/nothing/here").output();
        std::fs::remove_file(&copy).unwrap();
        let output = output.unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let given = [c"CLOUDFLARE_API_TOKEN=given"];
    for failure in [nothing_set().client().err().unwrap(), client_in(&nothing_set(), &given).err().unwrap()] {
        assert_eq!(failure.status, R2CREDS_STATUS_NO_AUTHENTICATION);
        let expected = "the environment is not read in a process with raised rights (set-uid and the like)";
        assert!(failure.message.contains(expected), "{}", failure.message);
    }
    // Neither proxy nor roots are looked for.
    authenticated("https://api.example.test", [Some("my-token"), None, None]).unwrap();
}
