//! What the public texts of every language say of defaults, ranges and lists, against the core's constants.
//!
//! A number is mostly stated as "Default: 60 s", "0: 900" or "1 to 604800". Every such statement in every text is
//! found, and the nearest subject before it tells which constant it has to agree with. So a new place is compared
//! without being listed here, and a statement whose subject is not known here is a failure. What is said in other ways
//! is found by a pattern for each. The last column of a table is who must not stop saying it: files, or how their paths
//! begin.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use r2creds::{ACTIONS, ClientOptions, Credentials, Jurisdiction, Params, Permission, RequestOptions, sign};
use regex::{Captures, Match, Regex};

const ROOTS: &str = "README.md SECURITY.md docs include src bindings/go bindings/python/README.md bindings/python/src \
                     cli/src/options.rs emulator/README.md";
const C: &str = "include/r2creds.h";
const CPP: &str = "include/r2creds.hpp";
const MAN: &str = "docs/r2creds.3";
const PYTHON: &str = "bindings/python/src/";
const PYTHON_CLIENT: &str = "bindings/python/src/r2creds/_client.py";
const COMMAND_LINE: &str = "cli/src/options.rs";
const PYTHON_README: &str = "bindings/python/README.md";
const GO: &str = "bindings/go/";
const PARAMS: &[&str] = &["src/params.rs", C, CPP, PYTHON_CLIENT, GO];
const TTL: &[&str] = &["src/params.rs", C, CPP, PYTHON_CLIENT, GO, COMMAND_LINE, MAN];
const LISTS: &[&str] = &[C, PYTHON, GO];
const OPTIONS: &[&str] = &["src/api/", C, CPP, PYTHON_CLIENT, GO, COMMAND_LINE];

struct Text {
    file: String,
    text: String,
}

/// Every text, with spaces for the markers of its comments, so that a sentence may run over lines, and for what is not
/// ASCII, so that it can be cut anywhere.
fn texts() -> Vec<Text> {
    let markers = Regex::new(r"(?m)^[ \t]*(?:///?[!<]?|/?\*+|#:?)|///<|[^\x00-\x7F]").unwrap();
    let mut texts = Vec::new();
    let mut paths: Vec<_> =
        ROOTS.split_whitespace().map(|root| Path::new(env!("CARGO_MANIFEST_DIR")).join(root)).collect();
    while let Some(path) = paths.pop() {
        let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !["/bench", "/internal", "/testdata"].iter().any(|end| file.ends_with(end)) {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if [".h", ".hpp", ".3", ".rs", ".py", ".go", ".md"].iter().any(|end| file.ends_with(end))
            && !file.ends_with("_test.go")
        {
            let text = fs::read_to_string(path).unwrap();
            let text = markers.replace_all(&text, |found: &Captures| " ".repeat(found[0].len())).into_owned();
            texts.push(Text { file, text });
        }
    }
    texts
}

/// A pattern in either case, where a space is any white space and `{}` a number, with its unit where it has one.
fn pattern(text: &str) -> Regex {
    const NUMBER: &str = r"\b(2\^32 - 1|\d[\d_,]*|one|seven|fifteen)(?: (ms|s|seconds?|minutes|days|bytes|KiB)\b)?";
    Regex::new(&format!("(?i){}", text.replace("{}", NUMBER).replace(' ', r"\s+"))).unwrap()
}

/// The numbers that a pattern found, in milliseconds or bytes. `bare` is what a number without a unit counts.
fn numbers(found: &Captures, bare: u128) -> Vec<u128> {
    let groups: Vec<_> = found.iter().skip(1).map(|group| group.map(|group| group.as_str())).collect();
    let number = |text: &str| match text.to_ascii_lowercase().as_str() {
        "one" | "once" => 1,
        "twice" => 2,
        "seven" => 7,
        "fifteen" => 15,
        "2^32 - 1" => u32::MAX.into(),
        digits => digits.replace(['_', ','], "").parse().unwrap(),
    };
    let unit = |name: Option<&str>| match name {
        None => bare,
        Some("s" | "second" | "seconds") => 1000,
        Some("minutes") => 60_000,
        Some("days") => 86_400_000,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some(_) => 1,
    };
    groups.chunks(2).filter_map(|pair| Some(number(pair[0]?) * unit(pair[1]))).collect()
}

/// What `name` is, the text that tells that it is spoken of, and who must speak of it.
struct Row<T> {
    name: &'static str,
    find: Regex,
    is: T,
    places: &'static [&'static str],
}

fn row<T>(name: &'static str, find: &str, is: T, places: &'static [&'static str]) -> Row<T> {
    Row { name, find: pattern(find), is, places }
}

#[derive(Default)]
struct Findings {
    said: BTreeSet<(&'static str, String)>,
    wrong: Vec<String>,
}

impl Findings {
    fn wrong(&mut self, text: &Text, found: Match, problem: &str) {
        let line = text.text[..found.start()].matches('\n').count() + 1;
        let words: Vec<_> = found.as_str().split_whitespace().take(12).collect();
        self.wrong.push(format!("{}:{line}: \"{}\" {problem}", text.file, words.join(" ")));
    }

    fn compare<T: PartialEq + Debug>(&mut self, text: &Text, found: Match, row: &Row<T>, says: &T) {
        self.said.insert((row.name, text.file.clone()));
        if *says != row.is {
            self.wrong(text, found, &format!("says {says:?}, but {} is {:?}", row.name, row.is));
        }
    }

    fn finish<T>(mut self, rows: &[Row<T>]) {
        for Row { name, places, .. } in rows {
            for place in *places {
                if !self.said.iter().any(|(said, file)| said == name && file.starts_with(place)) {
                    self.wrong.push(format!("{place}: does not say any more what {name} is"));
                }
            }
        }
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
    }
}

/// The length or range that the library names when it refuses these parameters.
fn expected(params: Params) -> Vec<u128> {
    let message = sign(&params).unwrap_err().to_string();
    numbers(&pattern("expected {}(?: to {})?").captures(&message).unwrap_or_else(|| panic!("{message}")), 1)
}

/// Here a row is found by its subject. One number is a default or a length, two are a range.
/// The codes of `inspect`, in every list of them; those that refuse come first, and the others behind them.
#[test]
fn every_list_of_findings_is_the_librarys() {
    let source = include_str!("../src/inspect.rs");
    let codes = |made_by: &str| -> Vec<&str> {
        let mut codes: Vec<_> = source.split(made_by).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let (refusals, warnings) = (codes(".refuse(\""), codes(".warn(\""));
    assert_eq!((refusals.len(), warnings.len()), (13, 7));
    for (file, between) in [
        ("docs/cloudflare.md", ["## What inspect finds", "Warnings:", "## Unknown"]),
        ("include/r2creds.h", ["R2 refuses a credential for: ", "Nobody has shown", "There may be others."]),
        ("bindings/python/src/r2creds/_inspect.py", ["R2 refuses a", "Nobody has shown", "code: str"]),
        ("bindings/go/inspect.go", ["R2 refuses a credential for", "Nobody has shown", "There may be others."]),
    ] {
        let text = std::fs::read_to_string(support::root().join(file)).unwrap();
        let (_, text) = text.split_once(between[0]).unwrap();
        let (refused, text) = text.split_once(between[1]).unwrap();
        let (warned, _) = text.split_once(between[2]).unwrap();
        for (codes, list) in [(&refusals, refused), (&warnings, warned)] {
            let words: Vec<_> = list.split(|c: char| !c.is_ascii_lowercase() && c != '-').collect();
            for code in codes.iter() {
                assert!(words.contains(code), "{code} in {file}");
            }
        }
    }
}

#[test]
fn every_default_and_range_is_the_librarys() {
    const LIFETIME: &str = r"lifetime|\bttl";
    const ID: &str = "0123456789abcdef0123456789abcdef";
    const ATTEMPT: &str = "one attempt";
    const CONNECT: &str = "connection and TLS(?: of one attempt)?";
    let bucket = Params { account_id: "a", ..Params::default() };
    let id = Params { bucket: "abc", ..bucket };
    let secret = Params { parent_access_key_id: ID, parent_secret_access_key: Some(""), ..id };
    let retries = vec![ClientOptions::DEFAULT_MAX_RETRIES.into()];
    let rows = [
        row("DEFAULT_TTL_SECONDS (in ms)", LIFETIME, vec![1000 * u128::from(Params::DEFAULT_TTL_SECONDS)], TTL),
        row("MAX_TTL_SECONDS (in ms)", LIFETIME, vec![1000, 1000 * u128::from(Params::MAX_TTL_SECONDS)], TTL),
        row(
            "MAX_PATH_BYTES",
            "(?:prefixes|keys) the credential|bytes, expected",
            vec![1, Params::MAX_PATH_BYTES as u128],
            PARAMS,
        ),
        row("MAX_DIRECTORY_BYTES", "directories the credential", vec![1, Params::MAX_DIRECTORY_BYTES as u128], PARAMS),
        row("an account id's length", "account.id", expected(Params::default()), PARAMS),
        row("a bucket name's length", r"bucket(?: name|\W?[:,])", expected(bucket), PARAMS),
        row("a parent's access key id's length", "access.key.id", expected(id), PARAMS),
        row("a parent's secret's length", "secret.access.key", expected(secret), PARAMS),
        row("DEFAULT_TIMEOUT", "whole call", vec![ClientOptions::DEFAULT_TIMEOUT.as_millis()], OPTIONS),
        row("DEFAULT_ATTEMPT_TIMEOUT", ATTEMPT, vec![ClientOptions::DEFAULT_ATTEMPT_TIMEOUT.as_millis()], OPTIONS),
        row("DEFAULT_CONNECT_TIMEOUT", CONNECT, vec![ClientOptions::DEFAULT_CONNECT_TIMEOUT.as_millis()], OPTIONS),
        row("DEFAULT_MAX_RETRIES", "failed attempt|max_retries", retries, OPTIONS),
        row("a timeout's range in C", "whole call|limits", vec![1, u32::MAX.into()], &[CPP]),
        row("Permission::ALL", "R2CREDS_PERMISSION", vec![1, Permission::ALL.len() as u128], &[]),
        row("Jurisdiction::ALL", "R2CREDS_JURISDICTION", vec![0, Jurisdiction::ALL.len() as u128 - 1], &[]),
    ];
    let statements = [
        (1, pattern(r"\b(?:default|zero|0)(?::| means| is) {}|{} lower-case hexadecimal digits")),
        (2, pattern("{} to {}")),
    ];
    let mut findings = Findings::default();
    for text in &texts() {
        for (count, statement) in &statements {
            for found in statement.captures_iter(&text.text) {
                let whole = found.get(0).unwrap();
                let before = &text.text[whole.start().saturating_sub(160)..whole.start()];
                let subject = rows
                    .iter()
                    .filter(|row| row.is.len() == *count)
                    .filter_map(|row| Some((row, row.find.find_iter(before).last()?)))
                    .max_by_key(|(_, subject)| (subject.end(), subject.len()));
                match subject {
                    Some((row, _)) => {
                        // Lifetimes are in seconds where no unit is said, timeouts in milliseconds.
                        let bare = if row.name.contains("SECONDS") { 1000 } else { 1 };
                        findings.compare(text, whole, row, &numbers(&found, bare));
                    }
                    // In prose, "10 to 20" may be about anything.
                    None if *count == 2 && text.file.ends_with(".md") => {}
                    None => findings.wrong(text, whole, "is about something that this test does not know"),
                }
            }
        }
    }
    findings.finish(&rows);
}

fn compare_all<T: PartialEq + Debug>(texts: &[Text], rows: &[Row<T>], says: impl Fn(&Captures) -> T) {
    let mut findings = Findings::default();
    for (text, row) in texts.iter().flat_map(|text| rows.iter().map(move |row| (text, row))) {
        for found in row.find.captures_iter(&text.text) {
            findings.compare(text, found.get(0).unwrap(), row, &says(&found));
        }
    }
    findings.finish(rows);
}

/// Here a row is found by what is said beside its value.
#[test]
fn every_other_number_and_word_is_the_librarys() {
    const REGION: &str = r#"\bregion(?: is| other than)?(?: = ["']?| \.Qq | ["'`]+)(\w+)\b"#;
    const CHECKSUMS: &str = r"checksum_(?:calculation|validation)\W+(?:to\W+|both\W+)?(when_\w+)";
    let texts = texts();
    let header = &texts.iter().find(|text| text.file == C).unwrap().text;
    // Limits without a public constant have their home in the C header, which is made from the sources.
    let in_c = |row: Row<_>| Row { is: numbers(&row.find.captures(header).unwrap(), 1), ..row };
    let ttl = || vec![1000 * u128::from(Params::DEFAULT_TTL_SECONDS)];
    let max_ttl = vec![1000 * u128::from(Params::MAX_TTL_SECONDS)];
    let retries = vec![ClientOptions::DEFAULT_MAX_RETRIES.into()];
    let rows = [
        row("DEFAULT_TTL_SECONDS (in ms)", "chosen keys, {}", ttl(), &[GO, PYTHON_README]),
        row("DEFAULT_TTL_SECONDS (in ms)", "for {}, unless ttl_seconds", ttl(), &[PYTHON]),
        row("MAX_TTL_SECONDS (in ms)", r"\b(seven|\d) (days)", max_ttl, &["src/params.rs", C, MAN, PYTHON]),
        row(
            "DEFAULT_TIMEOUT",
            r"`timeout_ms` \({}\)",
            vec![ClientOptions::DEFAULT_TIMEOUT.as_millis()],
            &["README.md"],
        ),
        row("DEFAULT_MAX_RETRIES", r"\b(once|twice)() by default", retries, &["README.md"]),
        in_c(row("the interval of poll", "about every {}", vec![], &["src/api/", C, CPP])),
        in_c(row("the time to cancel", r"(?:within|less than) (\d+) (ms)", vec![], &[C, CPP, MAN, GO])),
        in_c(row("the largest reply", r"(?:larger than|at most|up to) (\d+) (MiB)", vec![], &[C, GO, "SECURITY.md"])),
        in_c(row("the longest text of a server", "cut at {}", vec![], &[C, "SECURITY.md"])),
    ];
    compare_all(&texts, &rows, |found| numbers(found, 1));

    let python = &texts.iter().find(|text| text.file.ends_with("/_credentials.py")).unwrap().text;
    let checksums = pattern(CHECKSUMS).captures(python).unwrap()[1].to_owned();
    let region = Credentials::REGION.to_owned();
    let base_url = ClientOptions::DEFAULT_BASE_URL.to_owned();
    let rows = [
        row("Credentials::REGION", REGION, region, &[C, CPP, MAN, PYTHON, PYTHON_README, GO]),
        row("DEFAULT_BASE_URL", r"CLOUDFLARE_BASE_URL\W* else `?(https?:[\w./]+\w)", base_url, &["src/api/", C, GO]),
        row("CHECKSUMS of _credentials.py", CHECKSUMS, checksums, &[PYTHON, PYTHON_README, "README.md"]),
    ];
    compare_all(&texts, &rows, |found| found[1].to_owned());
}

/// A stretch of text that names more than half of a list names all of it, and nothing else of that kind.
#[test]
fn every_list_is_the_librarys() {
    /// As every language spells it.
    fn plain(name: &str) -> String {
        name.to_ascii_lowercase().replace(['_', '-'], "")
    }
    let permissions = Permission::ALL.map(|permission| plain(permission.as_str())).into();
    let jurisdictions = Jurisdiction::ALL.iter().skip(1).map(|one| plain(&format!("{one:?}"))).collect();
    let headers = RequestOptions::REFUSED_HEADERS.map(plain).into();
    // What a name looks like, and a stretch of them.
    let rows: [(_, _, _, BTreeSet<String>); 4] = [
        ("ACTIONS", r"(?-i:\b[A-Z][a-z]+[A-Z]\w+)", r"NAME(?:(?:\W|write|multipart)+NAME)+", ACTIONS.map(plain).into()),
        ("REFUSED_HEADERS", r"[\w*-]+", "NAME(?:, NAME)+", headers),
        ("Jurisdiction::ALL", r"\w+", r"\[\.NAME(?:\|\.NAME)*\]", jurisdictions),
        ("Permission::ALL", r"[a-z]+[_-]?read[_-]?(?:only|write)\b", "NAME(?s:.+)NAME", permissions),
    ];
    let rows =
        rows.map(|(list, name, stretch, is)| (row(list, &stretch.replace("NAME", name), is, LISTS), pattern(name)));
    let mut findings = Findings::default();
    for text in &texts() {
        for (row, name) in &rows {
            for stretch in row.find.find_iter(&text.text) {
                let names = name.find_iter(stretch.as_str()).map(|name| plain(name.as_str())).collect();
                if row.is.intersection(&names).count() * 2 > row.is.len() {
                    findings.said.insert((row.name, text.file.clone()));
                    let difference: Vec<_> = row.is.symmetric_difference(&names).collect();
                    if !difference.is_empty() {
                        findings.wrong(text, stretch, &format!("and {} differ in {difference:?}", row.name));
                    }
                }
            }
        }
    }
    findings.finish(&rows.map(|(row, _)| row));
}
