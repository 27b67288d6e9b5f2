//! Others that seal a secret to public keys, each secret by itself: age, and SOPS with PGP keys.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::SECRET;
use crate::figures::{Figures, best_of, millis};

/// The same secret sealed by age to as many recipients, one file each, as age does it.
pub fn age(figures: &mut Figures, ours: Duration, recipients: usize) {
    let Ok(key) = Command::new("age-keygen").output() else {
        figures.say("age", "not installed (apt-get install age): not compared");
        return;
    };
    let text = String::from_utf8(key.stdout).expect("text");
    let public = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let public = public.expect("a recipient");
    let start = || {
        Command::new("age")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .expect("age");
    };
    compare(figures, "age", ours, 50, start, || {
        one_file(public, recipients)
    });
}

/// What one file takes: all of it, and less what the program takes to start.
fn compare(
    figures: &mut Figures,
    who: &str,
    ours: Duration,
    files: u32,
    start: impl Fn(),
    seal: impl Fn() -> usize,
) {
    let (starting, ()) = best_of(3, || (0..files).for_each(|_| start()));
    let (whole, size) = best_of(3, || (0..files).fold(0, |_, _| seal()));
    let each = whole / files;
    let work = (whole.saturating_sub(starting) / files).max(Duration::from_nanos(1));
    figures.say(&format!("{who}, bytes per sealed secret"), size);
    figures.say(
        &format!("{who}, ms per secret with its process"),
        millis(each),
    );
    figures.ratio(
        &format!("{who} / ours, per secret, with its process"),
        each,
        ours,
        "",
    );
    figures.ratio(
        &format!("{who} / ours, per secret, less its start"),
        work,
        ours,
        "",
    );
}

fn one_file(public: &str, recipients: usize) -> usize {
    let mut command = Command::new("age");
    for _ in 0..recipients {
        command.args(["-r", public]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("age");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(SECRET).expect("written");
    drop(input);
    child.wait_with_output().expect("age").stdout.len()
}

/// The same with SOPS, to as many PGP keys. Of SOPS a registry has the last version in Python alone, 1.18, which
/// `scripts/measure` installs; its start is most of its time.
pub fn sops(figures: &mut Figures, ours: Duration, recipients: usize) {
    let sops = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/sops/bin/sops");
    if !sops.exists() {
        figures.say(
            "SOPS",
            "not installed (scripts/measure installs it): not compared",
        );
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let keys = pgp_keys(home.path(), recipients);
    let plain = home.path().join("secret.json");
    let secret = std::str::from_utf8(SECRET).expect("text");
    std::fs::write(&plain, format!("{{\"secret\": \"{secret}\"}}")).expect("written");
    let run = |args: &[&str]| {
        let mut command = Command::new(&sops);
        command.args(args).env("GNUPGHOME", home.path());
        command
            .stderr(Stdio::null())
            .output()
            .expect("SOPS")
            .stdout
            .len()
    };
    let file = plain.to_str().expect("a plain path");
    let seal = || run(&["-e", "--pgp", &keys, file]);
    assert!(seal() > SECRET.len(), "SOPS does not seal");
    compare(
        figures,
        "SOPS 1.18",
        ours,
        5,
        || {
            run(&["--version"]);
        },
        seal,
    );
    let mut agent = Command::new("gpgconf");
    let _ = agent
        .args(["--kill", "gpg-agent"])
        .env("GNUPGHOME", home.path())
        .status();
}

/// Makes so many PGP keys, and names them as SOPS takes them.
fn pgp_keys(home: &Path, many: usize) -> String {
    let gpg = |args: &[&str]| {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet"]).args(args);
        command.env("GNUPGHOME", home).stderr(Stdio::null());
        String::from_utf8(command.output().expect("gpg").stdout).expect("text")
    };
    for nth in 0..many {
        let name = format!("custodian{nth}@example.com");
        gpg(&[
            "--passphrase",
            "",
            "--quick-generate-key",
            &name,
            "rsa2048",
            "encr",
            "never",
        ]);
    }
    let listed = gpg(&["--list-keys", "--with-colons"]);
    let prints = listed.lines().filter(|line| line.starts_with("fpr:"));
    let prints: Vec<&str> = prints.filter_map(|line| line.split(':').nth(9)).collect();
    assert_eq!(prints.len(), many);
    prints.join(",")
}
