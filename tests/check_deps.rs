//! `scripts/check-deps` notices what its rules forbid.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const RULES: &str = r#"
sources = ["registry+https://example.com/index"]
licences = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
targets = []
[[banned]]
crates = ["openssl"]
reason = "one TLS stack"
[[advisory]]
id = "RUSTSEC-2023-0071"
crate = "rsa"
reason = "public keys only"
[[duplicate]]
reason = "a move from 1 to 2"
[duplicate.versions]
syn = ["1", "2"]
"#;

fn package(name: &str, version: &str, licence: &str) -> Value {
    json!({
        "id": format!("{name}@{version}"), "name": name, "version": version, "license": licence,
        "source": "registry+https://example.com/index",
    })
}

/// What keeps the rules.
fn sound() -> Vec<Value> {
    vec![
        json!({"id": "ours", "name": "ours", "version": "0.1.0", "license": null, "source": null}),
        package("rsa", "0.10.0-rc.19", "MIT OR Apache-2.0"),
        package("syn", "1.0.1", "Apache-2.0/MIT"),
        package("syn", "2.0.1", "(GPL-3.0 OR MIT) AND ISC"),
        package("llvm", "0.1.0", "Apache-2.0 WITH LLVM-exception"),
    ]
}

/// Whether the script passes the packages, and all that it says.
fn checked(packages: &[Value]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (rules, metadata) = (
        folder.path().join("rules.toml"),
        folder.path().join("metadata.json"),
    );
    std::fs::write(&rules, RULES).expect("rules");
    let document = json!({"workspace_members": ["ours"], "packages": packages});
    std::fs::write(&metadata, document.to_string()).expect("metadata");
    let done = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-deps"))
        .args([
            "--rules".as_ref(),
            rules.as_os_str(),
            "--metadata".as_ref(),
            metadata.as_os_str(),
        ])
        .output()
        .expect("python3");
    let said = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

#[test]
fn sound_dependencies_pass() {
    let (passed, said) = checked(&sound());
    assert!(passed, "{said}");
    assert_eq!(said, "check-deps: 4 crates keep the rules\n");
}

#[test]
fn each_kind_of_violation_is_named() {
    let elsewhere = json!({
        "id": "x", "name": "fork", "version": "1.0.0", "license": "MIT", "source": "git+https://example.com/x",
    });
    for (added, expected) in [
        (
            package("a", "1.0.0", "MIT AND GPL-3.0"),
            "a 1.0.0: licence MIT AND GPL-3.0 is not",
        ),
        (
            package("a", "1.0.0", "Apache-2.0"),
            "a 1.0.0: licence Apache-2.0 is not",
        ),
        (
            package("a", "1.0.0", "MIT OR"),
            "a 1.0.0: licence MIT OR is not",
        ),
        (
            json!({"id": "a", "name": "a", "version": "1.0.0", "license": null,
            "source": "registry+https://example.com/index"}),
            "a 1.0.0: licence not told is not",
        ),
        (
            elsewhere,
            "fork 1.0.0: comes from git+https://example.com/x",
        ),
        (
            package("openssl", "0.10.1", "MIT"),
            "openssl 0.10.1: banned (one TLS stack)",
        ),
        (
            package("llvm", "0.2.0", "MIT"),
            "llvm: several versions (0.1, 0.2)",
        ),
        (
            package("syn", "3.0.0", "MIT"),
            "syn: several versions (1, 2, 3)",
        ),
    ] {
        let (passed, said) = checked(&[sound(), vec![added]].concat());
        assert!(!passed && said.contains(expected), "{expected}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn an_exception_that_is_no_longer_needed_is_an_error() {
    let without = |name: &str| {
        let mut left = sound();
        left.retain(|package| package["id"] != name);
        checked(&left)
    };
    let (passed, said) = without("syn@1.0.1");
    assert!(!passed && said.contains("take the rule away"), "{said}");
    let (passed, said) = without("rsa@0.10.0-rc.19");
    assert!(
        !passed && said.contains("RUSTSEC-2023-0071: rsa is not there any more"),
        "{said}"
    );
}
