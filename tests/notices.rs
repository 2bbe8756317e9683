//! What is said of the parts that r2creds is made of, against the lock files. `make notices` writes both texts.

use std::collections::BTreeSet;
use std::process::Command;

use support::root;
use support::toolchain::succeeded;

const STALE: &str = "`make notices` writes it anew";

/// Every crate that a package holds, as `name version`, for all platforms that are listed.
fn parts() -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    let settings = read("packaging/notices/about.toml");
    let targets = list(&settings, "targets");
    let each = |manifest: &'static str| targets.iter().map(move |target| (manifest, *target));
    for (manifest, target) in ["Cargo.toml", "cli/Cargo.toml"].into_iter().flat_map(each) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}", "--target", target]);
        let listed = succeeded(cargo.arg("--manifest-path").arg(root().join(manifest))).stdout;
        for line in String::from_utf8(listed).unwrap().lines() {
            let mut words = line.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap_or_default().trim_start_matches('v'));
            if !name.is_empty() && !name.starts_with("r2creds") {
                parts.insert(format!("{name} {version}"));
            }
        }
    }
    assert!(parts.len() > 50, "{parts:?}");
    parts
}

/// The words of a list in a TOML file.
fn list<'a>(settings: &'a str, name: &str) -> Vec<&'a str> {
    let list = settings.split_once(&format!("\n{name} = [\n")).unwrap().1.split_once("\n]").unwrap().0;
    list.split('"').skip(1).step_by(2).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

#[test]
fn the_notices_name_every_part() {
    let notices = read("THIRD-PARTY-NOTICES");
    let named: BTreeSet<&str> = notices.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    for part in parts() {
        assert!(named.contains(&*part), "THIRD-PARTY-NOTICES lacks {part}; {STALE}");
    }
}

#[test]
fn the_bill_of_materials_has_these_parts_and_no_others() {
    let bill: serde_json::Value = serde_json::from_str(&read("packaging/r2creds.cdx.json")).unwrap();
    let text = |part: &serde_json::Value, key: &str| part[key].as_str().unwrap().to_owned();
    let components = bill["components"].as_array().unwrap().iter();
    let listed: BTreeSet<String> = components
        .map(|part| format!("{} {}", text(part, "name"), text(part, "version")))
        .filter(|part| !part.starts_with("r2creds "))
        .collect();
    assert_eq!(listed, parts(), "packaging/r2creds.cdx.json: {STALE}");
    let version = text(&bill["metadata"]["component"], "version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "packaging/r2creds.cdx.json: {STALE}");
}

/// The licence that the wheel states is that of everything inside.
#[test]
fn the_wheel_states_every_licence() {
    let project = read("bindings/python/pyproject.toml");
    let stated = project.lines().find_map(|line| line.strip_prefix("license = \"")?.strip_suffix('"')).unwrap();
    let notices = read("THIRD-PARTY-NOTICES");
    let asked: BTreeSet<&str> =
        notices.lines().filter_map(|line| line.strip_suffix("):")?.rsplit_once('(').map(|(_, id)| id)).collect();
    // Rust's own library, and LLVM's unwinder.
    let parts: BTreeSet<&str> = asked.into_iter().chain(["Apache-2.0 WITH LLVM-exception", "MIT"]).collect();
    let others: Vec<&str> = parts.into_iter().collect();
    assert_eq!(stated, format!("(MIT OR Apache-2.0) AND {}", others.join(" AND ")));
}

/// Two tools read these lists, each from a file of its own.
#[test]
fn what_is_checked_is_what_is_noticed() {
    let (checked, noticed) = (read("packaging/deny.toml"), read("packaging/notices/about.toml"));
    assert_eq!(list(&checked, "targets"), list(&noticed, "targets"));
    assert_eq!(list(&checked, "allow"), list(&noticed, "accepted"));
}
