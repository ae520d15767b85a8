//! Dependencies point one way: between the crates, and between the top-level modules of each.
//!
//! The sources are read as text: `crate::…` paths and chains of `super` that reach the crate's
//! root count, in `use` trees as in expressions; comments, strings and what is compiled for tests
//! only do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The roots of the crates, and the crates of the project that each may name.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("passes/Cargo.toml", "passes/src/lib.rs", &[]),
    ("elf/Cargo.toml", "elf/src/lib.rs", &["bpfold-passes"]),
    ("Cargo.toml", "src/lib.rs", &["bpfold-elf", "bpfold-kernel", "bpfold-passes"]),
    ("Cargo.toml", "src/main.rs", &["bpfold-elf", "bpfold-kernel", "bpfold-passes"]),
    ("kernel/Cargo.toml", "kernel/src/lib.rs", &[]),
    ("xtask/Cargo.toml", "xtask/src/main.rs", &["bpfold", "bpfold-kernel", "bpfold-passes"]),
];

/// Packages that read or write object files.
const OBJECT_FILES: &[&str] = &["object", "goblin", "elf", "libbpf-rs", "libbpf-sys", "aya-obj"];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A piece of source that matters for paths.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Punct(char),
}

impl Token {
    fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            Token::Colons | Token::Punct(_) => None,
        }
    }
}

/// The tokens of a source without comments and literals.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => depth += 1,
                        ('*', '/') => depth -= 1,
                        _ => {
                            i += 1;
                            continue;
                        }
                    }
                    i += 2;
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            '"' => i = string_end(&chars, i + 1),
            // A character, or a lifetime.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i += 1,
            ':' if at(i + 1) == ':' => {
                tokens.push(Token::Colons);
                i += 2;
            }
            c if is_word(c) => {
                let start = i;
                while is_word(at(i)) {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let end: String = format!("\"{}", "#".repeat(hashes));
                    let rest: String = chars[i + hashes + 1..].iter().collect();
                    let body = rest.find(&end).map_or(rest.len(), |end| end);
                    i += hashes + 1 + rest[..body].chars().count() + end.len();
                } else {
                    tokens.push(Token::Word(word));
                }
            }
            c if c.is_whitespace() => i += 1,
            c => {
                tokens.push(Token::Punct(c));
                i += 1;
            }
        }
    }
    tokens
}

fn string_end(chars: &[char], mut i: usize) -> usize {
    while let Some(c) = chars.get(i) {
        match c {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    i
}

/// The index behind the bracket that closes the one at `open`.
fn closed(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Punct('{' | '(' | '[') => depth += 1,
            Token::Punct('}' | ')' | ']') => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// The tokens without the items that are compiled for tests only, and the modules in files of
/// their own among these.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let cfg_test = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_cfg_test = |at: usize| {
        cfg_test.iter().enumerate().all(|(i, want)| match tokens.get(at + i) {
            Some(Token::Word(word)) => word == want,
            Some(Token::Punct(c)) => want.chars().eq([*c]),
            Some(Token::Colons) | None => false,
        })
    };
    let (mut rest, mut modules) = (Vec::new(), Vec::new());
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        if !is_cfg_test(i) {
            rest.push(token.clone());
            i += 1;
            continue;
        }
        i += cfg_test.len();
        // An item ends behind its block, or at a semicolon.
        let start = i;
        loop {
            match tokens.get(i) {
                Some(Token::Punct('{')) => {
                    i = closed(tokens, i);
                    break;
                }
                Some(Token::Punct('(' | '[')) => i = closed(tokens, i),
                Some(Token::Punct(';')) => {
                    if let [Token::Word(key), Token::Word(name)] = &tokens[i - 2..i]
                        && key == "mod"
                    {
                        modules.push(name.clone());
                    }
                    i += 1;
                    break;
                }
                Some(_) => i += 1,
                None => break,
            }
        }
        assert!(i > start, "an attribute without an item");
    }
    (rest, modules)
}

/// A path of a `use` tree, and the name that it has in the module.
type Leaf = (Vec<String>, String);

/// The paths of the tree that starts at `at`, each behind `prefix`; the index behind it.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &[String]) -> (Vec<Leaf>, usize) {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(Token::Word(word)) if word == "as" => {
                let name = tokens.get(at + 1).and_then(Token::word).unwrap_or_default();
                return (vec![(path, name.to_owned())], at + 2);
            }
            Some(Token::Word(word)) => {
                // `a::{self}` is `a`.
                if word != "self" || path.is_empty() {
                    path.push(word.clone());
                }
                at += 1;
            }
            Some(Token::Colons) => at += 1,
            Some(Token::Punct('*')) => {
                path.push("*".to_owned());
                at += 1;
            }
            Some(Token::Punct('{')) => {
                let end = closed(tokens, at);
                let mut leaves = Vec::new();
                at += 1;
                while at + 1 < end {
                    let (more, next) = use_tree(tokens, at, &path);
                    leaves.extend(more);
                    at = next.max(at + 1);
                    if tokens.get(at) == Some(&Token::Punct(',')) {
                        at += 1;
                    }
                }
                return (leaves, end);
            }
            _ => {
                let name = path.last().cloned().unwrap_or_default();
                return (vec![(path, name)], at);
            }
        }
    }
}

/// The paths of a source that begin at the crate's root, each without `crate`. The module of the
/// source is so many levels below the root.
fn paths_from_root(tokens: &[Token], depth: usize) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    // How many modules with a body are open, and how many brackets there were before each.
    let mut open: Vec<usize> = Vec::new();
    let mut brackets = 0_usize;
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let behind_path = i > 0 && tokens.get(i - 1) == Some(&Token::Colons);
        match token {
            Token::Punct('{') => brackets += 1,
            Token::Punct('}') => {
                brackets = brackets.saturating_sub(1);
                open.pop_if(|before| *before == brackets);
            }
            Token::Word(word) if word == "mod" => {
                if tokens.get(i + 2) == Some(&Token::Punct('{')) {
                    open.push(brackets);
                }
            }
            Token::Word(word) if word == "use" => {
                let (leaves, next) = use_tree(tokens, i + 1, &[]);
                let leaves = leaves.into_iter().map(|(path, _)| path);
                paths.extend(leaves.filter_map(|path| from_root(&path, depth + open.len())));
                i = next;
                continue;
            }
            Token::Word(word) if (word == "crate" || word == "super") && !behind_path => {
                let mut path = vec![word.clone()];
                while tokens.get(i + 1) == Some(&Token::Colons)
                    && let Some(Token::Word(next)) = tokens.get(i + 2)
                {
                    path.push(next.clone());
                    i += 2;
                }
                // `pub(crate)` is no path.
                if path.len() > 1 {
                    paths.extend(from_root(&path, depth + open.len()));
                }
            }
            Token::Word(_) | Token::Colons | Token::Punct(_) => {}
        }
        i += 1;
    }
    paths
}

fn from_root(path: &[String], depth: usize) -> Option<Vec<String>> {
    if path.first().is_some_and(|first| first == "crate") {
        return Some(path[1..].to_vec());
    }
    let ups = path.iter().take_while(|part| *part == "super").count();
    (ups > 0 && ups == depth).then(|| path[ups..].to_vec())
}

/// The files of a module with their depths below the crate's root, without those that are
/// compiled for tests only.
fn files(dir: &Path, name: &str, depth: usize) -> Vec<(PathBuf, usize, Vec<Token>)> {
    let below = dir.join(name);
    let file = [dir.join(format!("{name}.rs")), below.join("mod.rs")];
    let file = file.into_iter().find(|file| file.exists());
    let file = file.unwrap_or_else(|| panic!("{}: no module {name}", dir.display()));
    let (tokens, tests) = without_tests(&tokens(&read(&file)));
    let modules = modules(&tokens);
    let mut list = vec![(file, depth, tokens)];
    for module in modules.iter().filter(|module| !tests.contains(module)) {
        list.extend(files(&below, module, depth + 1));
    }
    list
}

/// The modules in files of their own that a source declares.
fn modules(tokens: &[Token]) -> Vec<String> {
    let declared = tokens.windows(3).filter_map(|window| match window {
        [Token::Word(key), Token::Word(name), Token::Punct(';')] if key == "mod" => Some(name),
        _ => None,
    });
    declared.cloned().collect()
}

/// What each top-level module of a crate names, with a file that does.
type Edges = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// The root itself, as a module that names all others.
const ROOT: &str = "(root)";

/// What the top-level modules of a crate name, and the files that have been read.
fn edges(root: &Path) -> (Edges, usize) {
    let dir = root.parent().unwrap();
    let (root_tokens, _) = without_tests(&tokens(&read(root)));
    let names = modules(&root_tokens);
    let sources: Vec<(&String, Vec<_>)> =
        names.iter().map(|name| (name, files(dir, name, 1))).collect();
    // Names that the root gives to what is in modules or other crates, and macros, which every
    // module finds at the root.
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for at in (0..root_tokens.len()).filter(|at| root_tokens[*at].word() == Some("use")) {
        for (path, name) in use_tree(&root_tokens, at + 1, &[]).0 {
            let path = if path[0] == "crate" { &path[1..] } else { &path[..] };
            known.insert(name, names.iter().find(|module| **module == path[0]).cloned());
        }
    }
    for (name, files) in &sources {
        for (.., tokens) in files {
            for window in tokens.windows(3) {
                if let [Token::Word(key), Token::Punct('!'), Token::Word(defined)] = window
                    && key == "macro_rules"
                {
                    known.insert(defined.clone(), Some((*name).clone()));
                }
            }
        }
    }
    known.extend(names.iter().map(|name| (name.clone(), Some(name.clone()))));
    let all: BTreeMap<String, PathBuf> =
        names.iter().map(|name| (name.clone(), root.to_owned())).collect();
    let mut edges = Edges::from([(ROOT.to_owned(), all)]);
    let mut read = 0;
    for (name, files) in &sources {
        let named = edges.entry((*name).clone()).or_default();
        for (file, depth, tokens) in files {
            read += 1;
            for path in paths_from_root(tokens, *depth) {
                let to = match known.get(path.first().map_or("", String::as_str)) {
                    Some(Some(module)) if module == *name => continue,
                    Some(Some(module)) => module.clone(),
                    // Another crate.
                    Some(None) => continue,
                    None => ROOT.to_owned(),
                };
                named.entry(to).or_insert_with(|| file.clone());
            }
        }
    }
    (edges, read)
}

/// A shortest circle of modules through each module that is in one.
fn circles(edges: &Edges) -> Vec<Vec<&str>> {
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for start in edges.keys() {
        if circles.iter().flatten().any(|module| module == start) {
            continue;
        }
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut work = vec![start.as_str()];
        let mut found = false;
        while !found && !work.is_empty() {
            let mut next = Vec::new();
            for from in work {
                for to in edges.get(from).into_iter().flat_map(BTreeMap::keys) {
                    if !before.contains_key(to.as_str()) {
                        before.insert(to, from);
                        next.push(to.as_str());
                    }
                    found |= to == start;
                }
            }
            work = next;
        }
        if found {
            let mut circle = vec![start.as_str()];
            let mut at = before[start.as_str()];
            while at != start {
                circle.push(at);
                at = before[at];
            }
            circle.reverse();
            circles.push(circle);
        }
    }
    circles
}

fn describe(edges: &Edges, circle: &[&str]) -> String {
    let mut text = String::from("a circle:\n");
    for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        let file = edges[*from][*to].strip_prefix(project()).unwrap().display();
        writeln!(text, "  {from} names {to} in {file}").unwrap();
    }
    text
}

#[test]
fn top_level_modules_have_no_circle() {
    let mut found = String::new();
    for (_, root, _) in CRATES {
        let (edges, read) = edges(&project().join(root));
        assert!(read > 1, "{root}: only {read} files");
        for circle in circles(&edges) {
            writeln!(found, "{root}: {}", describe(&edges, &circle)).unwrap();
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// The top-level modules of `src/` in the order in which DESIGN.md lists them.
fn listed() -> Vec<String> {
    let design = read(&project().join("DESIGN.md"));
    let mut lines = design.lines().skip_while(|line| !line.ends_with("crate `bpfold`")).skip(1);
    let lines = std::iter::from_fn(|| lines.next().filter(|line| line.starts_with("      ")));
    let mut listed: Vec<String> = Vec::new();
    for line in lines {
        let names = line.trim().split("  ").next().unwrap_or_default().split(' ');
        for name in names.map(|name| name.trim_end_matches('/').trim_end_matches(".rs")) {
            if !name.contains('/') && !listed.iter().any(|known| known == name) {
                listed.push(name.to_owned());
            }
        }
    }
    listed
}

#[test]
fn design_lists_modules_from_below() {
    let listed = listed();
    let place = |module: &str| listed.iter().position(|known| known == module);
    let (edges, _) = edges(&project().join("src/lib.rs"));
    assert!(edges.len() > 20, "{edges:?}");
    for (from, named) in edges.iter().filter(|(from, _)| *from != ROOT) {
        let place_of_from = place(from).unwrap_or_else(|| panic!("DESIGN.md does not list {from}"));
        for (to, file) in named {
            let below = place(to).is_some_and(|place| place < place_of_from);
            assert!(below, "{from} names {to}, which is not above it in DESIGN.md: {file:?}");
        }
    }
}

/// The keys of a table of a manifest, without what is optional.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut table = "";
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            table = line.trim();
        } else if let Some(name) = line.split(['=', '.', ' ']).next()
            && table == "[dependencies]"
            && !name.is_empty()
            && !name.starts_with('#')
            && !line.starts_with(' ')
        {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn crates_name_only_those_below() {
    for (manifest, _, allowed) in CRATES {
        let found = dependencies(&read(&project().join(manifest)));
        assert!(!found.is_empty(), "{manifest}");
        let own = found.iter().filter(|name| name.starts_with("bpfold"));
        let other: Vec<&String> = own.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(other.is_empty(), "{manifest}: depends on {other:?}, expected {allowed:?}");
    }
}

#[test]
fn passes_know_no_object_files() {
    let found = dependencies(&read(&project().join("passes/Cargo.toml")));
    let known: Vec<&String> =
        found.iter().filter(|name| OBJECT_FILES.contains(&name.as_str())).collect();
    assert!(known.is_empty(), "passes/Cargo.toml: depends on {known:?}");
}

#[test]
fn object_files_know_no_programs() {
    let mut named = BTreeSet::new();
    for module in ["elf", "btf"] {
        for (.., tokens) in files(&project().join("elf/src"), module, 1) {
            for window in tokens.windows(3) {
                if let [Token::Word(krate), Token::Colons, Token::Word(module)] = window
                    && krate == "bpfold_passes"
                {
                    named.insert(module.clone());
                }
            }
        }
    }
    assert_eq!(named, BTreeSet::from(["entity".to_owned()]));
}

/// The words between backquotes of a text.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn contributing_names_files_that_are_there() {
    let text = read(&project().join("CONTRIBUTING.md"));
    let is_path = |word: &&str| {
        let known = ["elf/", "passes/", "src/", "tests/", "xtask/", "snapshots/"];
        known.iter().any(|dir| word.starts_with(dir)) && !word.contains("NAME")
    };
    let paths: Vec<&str> = quoted(&text).into_iter().filter(is_path).collect();
    assert!(paths.len() > 50, "{paths:?}");
    let missing: Vec<&&str> = paths.iter().filter(|path| !project().join(path).exists()).collect();
    assert!(missing.is_empty(), "CONTRIBUTING.md names {missing:?}");
}

/// The sources below a directory.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn contributing_lists_the_variables_that_tests_read() {
    let text = read(&project().join("CONTRIBUTING.md"));
    let listed: BTreeSet<&str> = quoted(&text)
        .into_iter()
        .filter_map(|word| word.split('=').next())
        .filter(|word| word.starts_with("BPFOLD_"))
        .collect();
    let mut files = Vec::new();
    for dir in ["tests", "passes/tests", "bindings/c/tests"] {
        sources(&project().join(dir), &mut files);
    }
    let mut read_by_tests = BTreeSet::new();
    let texts: Vec<String> = files.iter().map(|file| read(file)).collect();
    for text in &texts {
        // A string that is a name of a variable and nothing else.
        for literal in text.split('"') {
            let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
            if literal.len() > 7 && literal.starts_with("BPFOLD_") && literal.chars().all(is_name) {
                read_by_tests.insert(literal);
            }
        }
    }
    assert!(read_by_tests.len() > 10, "{read_by_tests:?}");
    assert_eq!(listed, read_by_tests);
}

/// What the scan sees of a source in `src/a.rs`.
fn seen(source: &str) -> Vec<String> {
    let (tokens, _) = without_tests(&tokens(source));
    paths_from_root(&tokens, 1).into_iter().map(|path| path.join("::")).collect()
}

#[test]
fn paths_are_found_in_sources() {
    assert_eq!(seen("use crate::a;"), ["a"]);
    assert_eq!(
        seen("pub(crate) use crate::{a, b::{self, c as d}, e::*};"),
        ["a", "b", "b::c", "e::*"]
    );
    assert_eq!(seen("fn f(x: &crate::a::T) -> b::C { crate::d::e::<crate::g::H>() }").len(), 3);
    assert_eq!(seen("use super::{a, super::b};"), ["a"]);
    assert_eq!(seen("mod inner { use super::super::a; use super::b; } use super::c;"), ["a", "c"]);
    assert_eq!(seen("macro_rules! m { () => { $crate::a::b } }"), ["a::b"]);
}

#[test]
fn paths_are_not_found_elsewhere() {
    for source in [
        "// crate::a",
        "/// [`crate::a`] /* \n",
        "/* /* crate::a */ crate::b */",
        "const S: &str = \"crate::a \\\" crate::b\";",
        "const S: &str = r#\"crate::a \" crate::b\"#;",
        "pub(crate) fn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' || c == '\\u{41}' }",
        "#[cfg(test)]\nmod tests { use crate::a; }",
        "#[cfg(test)]\nuse crate::a;",
        "#[cfg(test)] fn f(a: [u8; 2]) { crate::a(); }",
        "use a::crate_name; use self::b; use std::super_name;",
    ] {
        assert!(seen(source).is_empty(), "{source}: {:?}", seen(source));
    }
    assert_eq!(seen("#[cfg(test)]\nmod tests; use crate::a; /* b */ use crate::c;"), ["a", "c"]);
}

#[test]
fn circles_are_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph = Edges::new();
        for (from, to) in edges {
            graph.entry((*to).to_owned()).or_default();
            let file = project().join("src/lib.rs");
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned(), file);
        }
        graph
    };
    assert!(circles(&graph(&[("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")])).is_empty());
    let round = graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
    assert_eq!(circles(&round), [["c", "b"]]);
    assert_eq!(
        describe(&round, &circles(&round)[0]),
        "a circle:\n  c names b in src/lib.rs\n  b names c in src/lib.rs\n"
    );
    let long = graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("x", "a")]);
    assert_eq!(circles(&long).len(), 1);
}
