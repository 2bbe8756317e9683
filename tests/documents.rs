//! What the documents say of the repository is so: links and paths lead somewhere, commands exist, examples compile, and
//! the table of docs/architecture.md is how the sources import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use r2creds::{Params, Permission, sign};
use regex::Regex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ARCHITECTURE: &str = include_str!("../docs/architecture.md");

struct Document {
    path: PathBuf,
    name: String,
    text: String,
}

/// Every Markdown file of the repository.
fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !path.is_symlink() {
                // What was built holds other projects' documents.
                let is_built = ["target", "node_modules", "venv"].iter().any(|built| path.ends_with(built));
                if !is_built && !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                documents.push(Document { text: fs::read_to_string(&path).unwrap(), path, name });
            }
        }
    }
    assert!(documents.len() >= 10, "only {}", documents.len());
    documents
}

/// The blocks of a document in this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect()
}

/// What of a document is prose: without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn lines_have_at_most_120_columns() {
    let mut problems = Vec::new();
    for Document { name, text, .. } in documents() {
        for (at, line) in text.lines().enumerate() {
            if line.chars().count() > 120 {
                problems.push(format!("{name}:{}: {} columns", at + 1, line.chars().count()));
            }
        }
    }
    none(&problems);
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let (mut problems, mut count) = (Vec::new(), 0);
    for Document { path, name, text } in documents() {
        for found in link.captures_iter(&prose(&text)) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !file.exists() {
                problems.push(format!("{name}: {target} is not there"));
            } else if !anchor.is_empty() && !anchors(&fs::read_to_string(&file).unwrap()).contains(anchor) {
                problems.push(format!("{name}: {target} has no such heading"));
            }
        }
    }
    none(&problems);
    assert!(count > 30, "only {count} links found");
}

#[test]
fn files_and_commands_that_are_named_exist() {
    let code = Regex::new(r"`([^`\n]+)`").unwrap();
    let folder =
        r"^(?:src|include|bindings|emulator|tests|examples|benches|fuzz|packaging|scripts|docs|\.ci)/[\w./-]+$";
    let folder = Regex::new(folder).unwrap();
    let make = Regex::new(r"(?:^|[ `(])make ([a-z][a-z0-9-]*)").unwrap();
    let suite = Regex::new(r"cargo test --test (\w+)").unwrap();
    let makefile = fs::read_to_string(Path::new(ROOT).join("Makefile")).unwrap();
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '#']))
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(targets, _)| targets.split_whitespace())
        .collect();
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for Document { path, name, text } in documents() {
        let inline = prose(&text);
        let inline = code.captures_iter(&inline).map(|found| found.get(1).unwrap().as_str().to_owned());
        let shell = blocks(&text, "sh").into_iter().flat_map(str::lines).map(|line| line.trim().to_owned());
        for words in inline.chain(shell) {
            if folder.is_match(&words) {
                seen.insert("file");
                // From the root, or from where the document is.
                if !Path::new(ROOT).join(&words).exists() && !path.parent().unwrap().join(&words).exists() {
                    problems.push(format!("{name}: {words} is not there"));
                }
            }
            for found in make.captures_iter(words.split('#').next().unwrap()) {
                seen.insert("make");
                if !targets.contains(&found[1]) {
                    problems.push(format!("{name}: `make {}`: the Makefile has no such target", &found[1]));
                }
            }
            for found in suite.captures_iter(&words) {
                seen.insert("suite");
                let tests = Path::new(ROOT).join("tests").join(&found[1]);
                if !tests.with_extension("rs").exists() && !tests.join("main.rs").exists() {
                    problems.push(format!("{name}: there is no suite {}", &found[1]));
                }
            }
        }
    }
    none(&problems);
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Compiles the blocks of the README and of docs/ in a language, each as the body of a function.
fn compile(language: &str, compiler: &str, arguments: &[&str], before: &str) {
    let available = Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    if !available {
        let must = std::env::var("R2CREDS_NO_SKIP").is_ok_and(|value| value == "1");
        assert!(!must, "{compiler} is not installed");
        eprintln!("skipped: {compiler} is not installed");
        return;
    }
    let mut count = 0;
    for Document { name, text, .. } in documents() {
        if name != "README.md" && !name.starts_with("docs/") {
            continue;
        }
        for block in blocks(&text, language) {
            count += 1;
            let mut child = Command::new(compiler)
                .args(arguments)
                .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Iinclude", "-"])
                .current_dir(ROOT)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            write!(child.stdin.take().unwrap(), "{before}\n#line 1 \"{name}\"\n{block}\nreturn 0;\n}}\n").unwrap();
            assert!(child.wait().unwrap().success(), "{name}:\n{block}");
        }
    }
    assert!(count > 0, "no block in {language}");
}

#[test]
fn examples_in_c_compile() {
    let before = "#include <stdlib.h>\n#include \"r2creds.h\"\nint complain(r2creds_error *);\n\
                  void upload(const r2creds_credentials *);\nint example(void);\nint example(void)\n{\n";
    compile("c", "cc", &["-std=c99", "-x", "c"], before);
}

#[test]
fn examples_in_cpp_compile() {
    let before = "#include <chrono>\n#include <cstdlib>\n#include <string_view>\n#include \"r2creds.hpp\"\n\
                  void upload(std::string_view, std::string_view, std::string_view);\nint example();\nint example() {\n";
    compile("cpp", "c++", &["-std=c++17", "-x", "c++"], before);
}

#[test]
fn the_readmes_error_is_the_librarys() {
    let error = sign(&Params {
        account_id: "023e105f4ecef8ad9ca31a8372d0c353",
        bucket: "recordings",
        parent_access_key_id: "0123456789abcdef0123456789abcdef",
        parent_secret_access_key: Some("ThisIsTheTokenItself_NotItsSha256-123456"),
        permission: Some(Permission::ObjectReadOnly),
        ..Params::default()
    })
    .unwrap_err();
    let [shown] = blocks(include_str!("../README.md"), "text")[..] else { panic!("not one block") };
    let (message, hint) = shown.split_once("\n    ").unwrap();
    assert_eq!(message, error.to_string());
    assert!(error.hint().unwrap().starts_with(hint.strip_suffix("...").unwrap()), "{:?}", error.hint());
}

/// Rust sources below a folder of the repository, with their names from there.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(ROOT).join(folder);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Without comments and without the tests at its end.
fn program(source: &str) -> String {
    let whole = source.split("#[cfg(test)]").next().unwrap();
    let lines = whole.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_run_down_as_the_architecture_says() {
    let blocks = blocks(ARCHITECTURE, "text");
    let [house, layers] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    let level: BTreeMap<_, _> =
        layers.lines().enumerate().flat_map(|(at, line)| line.split(' ').map(move |module| (module, at))).collect();
    let import = Regex::new(r"\bcrate::(?:\{([^}]*)\}|([a-z_]+))").unwrap();
    let (mut problems, mut count) = (Vec::new(), 0);
    for (file, source) in sources("src") {
        let stem = file.strip_suffix(".rs").unwrap();
        let module = stem.split('/').next().unwrap();
        let own = stem.rsplit('/').find(|name| *name != "mod").unwrap();
        if !Regex::new(&format!(r"\b{own}\b")).unwrap().is_match(house) {
            problems.push(format!("src/{file} is not in the house of docs/architecture.md"));
        }
        if module == "lib" {
            continue;
        }
        let Some(from) = level.get(module) else {
            problems.push(format!("{module} has no line in docs/architecture.md"));
            continue;
        };
        for found in import.captures_iter(&program(&source)) {
            let names = found.get(1).or(found.get(2)).unwrap().as_str();
            for name in names.split(',').map(|name| name.trim().split("::").next().unwrap()) {
                count += 1;
                if name != module && level.get(name).is_none_or(|to| to <= from) {
                    problems.push(format!("src/{file} uses {name}, which is not below {module}"));
                }
            }
        }
    }
    none(&problems);
    assert!(count > 50, "only {count} imports found");
}

#[test]
fn files_of_a_folder_form_no_circle() {
    let sources = sources("src");
    let import = Regex::new(r"\bsuper::(?:\{([^}]*)\}|([a-z_]+))").unwrap();
    for folder in ["api", "http", "ffi"] {
        let file = |name: &str| format!("{folder}/{name}.rs");
        // Who still uses whom. A file that uses nobody can be taken away; in a circle nobody is left who can be.
        let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (name, source) in &sources {
            let Some(own) = name.strip_prefix(&format!("{folder}/")).and_then(|name| name.strip_suffix(".rs")) else {
                continue;
            };
            if own == "mod" {
                continue;
            }
            let program = program(source);
            let names = import.captures_iter(&program).map(|found| found.get(1).or(found.get(2)).unwrap().as_str());
            let names = names.flat_map(|names| names.split(',')).map(|name| name.trim().split("::").next().unwrap());
            uses.insert(own, names.filter(|name| sources.contains_key(&file(name))).map(str::to_owned).collect());
        }
        assert!(uses.values().any(|used| !used.is_empty()) || folder == "ffi", "{folder}: nothing found");
        while let Some(free) = uses.iter().find(|(_, used)| used.is_empty()).map(|(name, _)| *name) {
            uses.remove(free);
            for used in uses.values_mut() {
                used.remove(free);
            }
        }
        assert!(uses.is_empty(), "{folder}: a circle in {uses:?}");
    }
}
