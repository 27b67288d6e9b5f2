//! The house keeps its own laws: which floor may import which, who may speak to the person, how long a
//! file may be. The checker reads our source; the planted violations show that it would notice.

#[path = "house/laws.rs"]
mod laws;
#[path = "house/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use laws::{FILE_MAX, FUNCTION_MAX, unexplained_dependencies, violations};
use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All `.rs` files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Where a file under `src/` stands in the crate.
fn module(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

fn house() -> Vec<(PathBuf, Source)> {
    let src = root().join("src");
    files(&src)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let file = path.strip_prefix(&src).expect("under src").to_owned();
            let module = module(&file);
            let parts: Vec<&str> = module.iter().map(String::as_str).collect();
            let source = Source::read(&parts, &text);
            (file, source)
        })
        .collect()
}

#[test]
fn the_house_keeps_its_laws() {
    let house = house();
    assert!(house.len() > 20, "the source was not found");
    let only_tests: Vec<_> = house
        .iter()
        .flat_map(|(_, source)| &source.test_modules)
        .collect();
    let found: Vec<String> = house
        .iter()
        .filter(|(_, source)| {
            !only_tests
                .iter()
                .any(|test| source.module.starts_with(test))
        })
        .flat_map(|(file, source)| {
            let file = file.display();
            violations(source)
                .into_iter()
                .map(move |what| format!("src/{file}:{what}"))
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The settings of each crate in a debug build, but for our own.
fn debug_profile(manifest: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
    let parsed: toml::Table = text.parse().expect("TOML");
    let packages = &parsed["profile"]["dev"]["package"];
    let packages = packages.as_table().expect("a table").iter();
    packages
        .filter(|(name, _)| *name != "breakglass")
        .map(|(name, settings)| (name.clone(), settings.to_string()))
        .collect()
}

#[test]
fn what_is_fuzzed_is_built_as_what_is_tested() {
    // Or every other crate is built twice, the AWS SDK too.
    assert_eq!(
        debug_profile("Cargo.toml"),
        debug_profile("fuzz/Cargo.toml")
    );
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    assert_eq!(unexplained_dependencies(&manifest), Vec::<String>::new());
}

/// What the checker says of `code` as a file of `module`.
fn said(module: &str, code: &str) -> Vec<String> {
    let parts: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    violations(&Source::read(&parts, code))
}

#[test]
fn what_is_lawful_passes() {
    for (module, code) in [
        (
            "ops::unseal",
            "use crate::{ledger::Ledger, ports::{Store, Token}, model};",
        ),
        (
            "ledger::tree",
            "use super::event; use tlog_tiles::tlog; fn f() { crate::crypto::hash() }",
        ),
        (
            "token::pkcs11",
            "use std::path::Path; use crate::ports::Token; use cryptoki::context::Pkcs11;",
        ),
        (
            "cli",
            "use crate::token; fn f() { eprintln!(\"x\"); std::process::exit(2) }",
        ),
        ("aws::iam", "use tokio::runtime; use aws_sdk_iam as iam;"),
        (
            "ops::unseal",
            "fn f() { let env = 1; g(env!(\"CARGO_PKG_VERSION\"), x != y, |c| c.exit()); }",
        ),
        (
            "model::name",
            "/// println! and std::env, in words\nconst A: &str = \"crate::cli::x unsafe\";",
        ),
        (
            "model::name",
            "const B: &str = r#\"a \" use crate::cli; \"#; const C: char = '\"'; type D<'a> = &'a u8;",
        ),
        (
            "ledger",
            "#[cfg(test)]\nmod tests { use crate::store::dir; fn f() { x.unwrap(); panic!() } }\nuse crate::model;",
        ),
        ("", "#![deny(unsafe_code)]\npub mod cli;"),
        ("token::pkcs11::raw", "fn f() { unsafe { g() } }"),
        (
            "",
            "fn main() -> std::process::ExitCode { breakglass::cli::main() }",
        ),
    ] {
        assert_eq!(said(module, code), Vec::<String>::new(), "{module}: {code}");
    }
}

#[test]
fn a_planted_import_is_found() {
    for (module, code) in [
        ("ops::unseal", "use crate::token::pkcs11::Driver;"),
        ("ops::unseal", "use crate::{model::Name, cli::render};"),
        ("ops::unseal", "fn f() { crate::aws::connect() }"),
        ("ops", "use super::store::dir;"),
        ("ops::unseal", "use super::super::store;"),
        (
            "ops::unseal",
            "mod inner { use super::super::super::store; }",
        ),
        ("rotation", "use crate::ops::rotate;"),
        ("ledger::tree", "use crate::ceremony::Quorate;"),
        ("ports::token", "use crate::ledger::Event;"),
        ("crypto::hpke", "use crate::ports::Token;"),
        ("token::pkcs11", "use crate::ledger::Event;"),
        ("store::dir", "use crate::aws;"),
        ("system", "use crate::{ports::Clock, cli};"),
        ("model", "use crate::*;"),
        ("model", "use crate::surprise;"),
        ("surprise", "use std::fmt;"),
        ("ops::unseal", "use tokio::runtime;"),
        ("token::piv", "fn f() { ::tokio::spawn(x) }"),
        ("ops::unseal", "#[derive(clap::Parser)] struct A;"),
        ("ops::unseal", "use {rpassword as quiet};"),
        ("crypto::sealing", "use rsa::{pkcs1v15, RsaPrivateKey};"),
        ("", "pub use token::Driver;"),
        ("", "fn main() { breakglass::ops::unseal::run() }"),
    ] {
        assert_eq!(
            said(module, code).len(),
            1,
            "{module}: {code}: {:?}",
            said(module, code)
        );
    }
}

#[test]
fn a_planted_word_is_found() {
    for (module, code) in [
        ("token::pkcs11", "fn f() { println!(\"x\") }"),
        ("ops::unseal", "fn f() { std::eprintln!(\"x\") }"),
        ("ops::unseal", "use std::{env, fmt};"),
        ("aws", "fn f() { std::env::var(\"A\") }"),
        ("store::dir", "fn f() { std::process::exit(1) }"),
        ("store::dir", "use std::io::stderr;"),
        ("ledger", "use std::fs;"),
        ("rotation", "use std::time::{Duration, SystemTime};"),
        ("cli", "fn f() { dbg!(1) }"),
        ("cli::render", "fn f() { x.unwrap() }"),
        ("cli::render", "fn f() { x.y().expect(\"z\") }"),
        ("cli", "fn f() { unsafe { g() } }"),
        ("token::pkcs11::module", "fn f() { unsafe { g() } }"),
        (
            "ledger",
            "#[cfg(test)]\nmod tests { fn f() {} }\nfn g() { panic!() }",
        ),
    ] {
        assert_eq!(
            said(module, code).len(),
            1,
            "{module}: {code}: {:?}",
            said(module, code)
        );
    }
}

#[test]
fn length_is_measured() {
    let lines = |count: usize| "let a = 1;\n".repeat(count);
    let whole = format!("fn f() {{\n{}}}\n", lines(FUNCTION_MAX - 2));
    assert_eq!(said("model", &whole), Vec::<String>::new());
    let long = format!(
        "impl A {{\nfn f(a: u8)\nwhere B: C {{\n{}}}\n}}\n",
        lines(FUNCTION_MAX - 2)
    );
    assert_eq!(said("model", &long), ["2: fn f has 81 lines, more than 80"]);
    assert_eq!(said("model", &"\n".repeat(FILE_MAX)), Vec::<String>::new());
    assert_eq!(said("model", &"\n".repeat(FILE_MAX + 1)).len(), 1);
}

#[test]
fn a_test_module_in_its_own_file_is_known_as_one() {
    let beside = "#[cfg(test)]\n#[path = \"seal_tests.rs\"]\nmod tests;";
    for (module, code, expected) in [
        (
            ["ops", "seal"],
            "#[cfg(test)]\n#[allow(missing_docs)]\nmod fakes;\nmod real;",
            vec!["ops/seal/fakes"],
        ),
        (
            ["ops", "seal"],
            beside,
            vec!["ops/seal/seal_tests", "ops/seal_tests"],
        ),
        (["ops", "seal"], "mod real;", vec![]),
    ] {
        let known = Source::read(&module, code).test_modules;
        let known: Vec<String> = known.iter().map(|parts| parts.join("/")).collect();
        assert_eq!(known, expected);
    }
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\n# why\na = \"1\"\nb = \"1\"\n# --- c ---\nc = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\n# why,\n# in two lines\nd = \"1\"\n\ne.version = \"1\"\n";
    assert_eq!(unexplained_dependencies(manifest), ["b", "c", "e"]);
}
