//! Opening with the tokens when our binary is gone: `scripts/recover`, as docs/recovery.md tells people to
//! use it. The PINs are typed at a terminal, to pkcs11-tool itself.

use std::fs;

use crate::pty::{self, Pty};
use crate::scene::{self, BGO, IC, Scene, Seen, pin};
use crate::{aws, openssl, repository, second_says, text};

/// What pkcs11-tool asks.
const PROMPT: &str = "Please enter User PIN";

/// `recover` at a terminal, with the Python of the tests, or another.
fn recover(
    scene: &Scene,
    python: &str,
    program: &str,
    args: &[&str],
    answers: &[(&str, &str)],
) -> Seen {
    let command = pty::Command::new(python).arg(program).args(args);
    let command = command
        .env_clear()
        .envs(scene.environment())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let mut pty = Pty::spawn(command);
    for (prompt, typed) in answers {
        pty.expect(prompt);
        if *prompt == PROMPT {
            pty.expect_no_echo();
        }
        pty.send_line(typed);
    }
    let status = pty.finish();
    Seen {
        code: scene::code(status),
        text: pty.transcript(),
        error: String::new(),
    }
}

struct Bench {
    scene: Scene,
    python: String,
    program: String,
    module: String,
    fingerprint: String,
}

impl Bench {
    fn new(scene: Scene) -> Self {
        Self {
            python: text(&aws::python()).to_owned(),
            program: text(&repository("scripts/recover")).to_owned(),
            module: text(&scene::softhsm_library()).to_owned(),
            fingerprint: scene.fingerprint(),
            scene,
        }
    }

    fn run(&self, args: &[&str], answers: &[(&str, &str)]) -> Seen {
        recover(&self.scene, &self.python, &self.program, args, answers)
    }

    /// `recover open` with SoftHSM's module, which leaves its statement in a file of this name.
    fn open(&self, statement: &str, answers: &[(&str, &str)]) -> Seen {
        let vault = self.scene.vault();
        let statement = self.scene.path(statement);
        let kept = self.scene.path("kept");
        let keep = format!(
            "printf %s \"$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY\" > '{}'",
            kept.display()
        );
        let mut args = vec![
            "open",
            text(&vault),
            "deploy",
            "--fingerprint",
            &self.fingerprint,
        ];
        args.extend(["--reason", "our binary is gone", "--module", &self.module]);
        args.extend(["--statement", text(&statement), "--", "sh", "-c", &keep]);
        self.run(&args, answers)
    }

    /// The key that the last opening gave: its id and its secret.
    fn kept(&self) -> (String, String) {
        let kept = fs::read_to_string(self.scene.path("kept")).expect("the child wrote it");
        let (key, secret) = kept.split_once(' ').expect("two words");
        (key.to_owned(), secret.to_owned())
    }

    /// Whether AWS has this key, with this secret, for the user.
    fn is_the_key_in_aws(&self) -> bool {
        let (key, secret) = self.kept();
        let digest = self.scene.server().secret_digest_of("deploy", &key);
        use sha2::{Digest as _, Sha256};
        let ours = data_encoding::HEXLOWER.encode(&Sha256::digest(secret.as_bytes()));
        digest.as_deref() == Some(&ours)
    }
}

#[test]
fn two_tokens_open_a_vault_without_our_binary() {
    let bench = Bench::new(Scene::sealed(&["deploy"]));
    let vault = bench.scene.vault();
    let entries = fs::read_dir(vault.join("ledger/commit"))
        .expect("a folder")
        .count();
    let (alice, bob) = (pin(IC), pin(BGO));

    // Not without knowing which vault it is to be, and not with another's fingerprint.
    let seen = bench.run(&["check", text(&vault)], &[]).ended(1);
    assert!(seen.text.contains("Compare it with the card"), "{seen}");
    let other = "00".repeat(32);
    bench
        .run(&["check", text(&vault), "--fingerprint", &other], &[])
        .ended(1);
    let seen = bench
        .run(
            &["check", text(&vault), "--fingerprint", &bench.fingerprint],
            &[],
        )
        .ended(0);
    assert!(
        seen.text
            .contains("every header and record that it names hold"),
        "{seen}"
    );

    // A wrong PIN costs a try, and nothing is written.
    let seen = bench
        .open("none.json", &[(PROMPT, scene::WRONG_PIN)])
        .ended(1);
    assert!(seen.text.contains("CKR_PIN_INCORRECT"), "{seen}");
    assert!(!bench.scene.path("none.json").exists() && !bench.scene.path("kept").exists());

    let typed = [(PROMPT, alice.as_str()), (PROMPT, bob.as_str())];
    let seen = bench.open("opening.json", &typed).ended(0);
    assert!(
        seen.text.contains("PIN of alice (Incident Commander)"),
        "{seen}"
    );
    assert!(
        seen.text.contains("PIN of bob (Break-Glass Operator)"),
        "{seen}"
    );
    assert!(bench.is_the_key_in_aws(), "{seen}");
    assert!(
        !seen.text.contains(&alice) && !seen.text.contains(&bob),
        "{seen}"
    );
    // The vault itself is as it was; the statement is beside it.
    let after = fs::read_dir(vault.join("ledger/commit"))
        .expect("a folder")
        .count();
    assert_eq!(entries, after);
    let statement = bench.scene.path("opening.json");
    let args = ["statement", text(&vault), text(&statement), "--fingerprint"];
    let args = [&args[..], &[&bench.fingerprint]].concat();
    let seen = bench.run(&args, &[]).ended(0);
    assert!(
        seen.text.contains("\"reason\": \"our binary is gone\""),
        "{seen}"
    );
    let forged = fs::read_to_string(&statement)
        .expect("a text")
        .replace("sig\":\"", "sig\":\"AAAA");
    fs::write(&statement, forged).expect("ours");
    bench.run(&args, &[]).ended(7);
    // What the document says to do when our binary is back: the opening is recorded with another one, and
    // closing ends the key.
    let (opened, _) = bench.kept();
    bench.scene.unseal(&["deploy"], &["true"]).ended(0);
    bench.scene.run(&["close"]).ended(0);
    assert!(
        bench
            .scene
            .keys_of("deploy")
            .iter()
            .all(|(key, _)| *key != opened)
    );
}

#[test]
fn a_quorum_of_several_people_is_collected_one_by_one() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&[IC, "carol", "dave", BGO]);
    scene.found(&[IC, "carol", "dave"], &[BGO], &["--ic-threshold", "2"]);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    let bench = Bench::new(scene);
    bench.scene.pull(IC);
    let (carol, dave, bob) = (pin("carol"), pin("dave"), pin(BGO));
    let answers = [
        ("Type its number", "2"),
        (PROMPT, dave.as_str()),
        (PROMPT, carol.as_str()),
        (PROMPT, bob.as_str()),
    ];
    let seen = bench.open("opening.json", &answers).ended(0);
    assert!(seen.text.contains("1: carol with carol"), "{seen}");
    assert!(bench.is_the_key_in_aws(), "{seen}");
}

/// The program in one file, with Debian's own Python and its cryptography, where they are installed; and
/// answers of tokens that pkcs11-tool cannot ask.
#[test]
fn one_file_and_other_tools_are_enough() {
    let scene = Scene::empty(&["deploy"]);
    let vault = scene.path("theirs");
    second_says(&["found", text(&vault)]);
    let packed = scene.path("recover.pyz");
    let python = text(&aws::python()).to_owned();
    let program = text(&repository("scripts/recover")).to_owned();
    recover(&scene, &python, &program, &["pack", text(&packed)], &[]).ended(0);
    let said = second_says(&["verify", text(&vault)]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let fingerprint = said["fingerprint"].as_str().expect("a fingerprint");

    let python = ["/usr/bin/python3", &python]
        .into_iter()
        .find(|python| {
            let tried = std::process::Command::new(python)
                .args(["-c", "import cryptography"])
                .output();
            tried.is_ok_and(|output| output.status.success())
        })
        .expect("that of the tests has it");
    println!("with {python}");
    let asked = scene.path("asked");
    let args = [
        "ask",
        text(&vault),
        "deploy",
        "--fingerprint",
        fingerprint,
        text(&asked),
    ];
    let seen = recover(&scene, python, text(&packed), &args, &[]).ended(0);
    let keys = fs::read_to_string(scene.path("theirs-keys.json")).expect("the keys");
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    let mut args: Vec<String> = ["open", text(&vault), "deploy", "--fingerprint", fingerprint]
        .map(str::to_owned)
        .to_vec();
    args.extend(["--reason", "pkcs11-tool cannot ask these", "--print"].map(str::to_owned));
    args.extend([
        "--statement".to_owned(),
        text(&scene.path("opening.json")).to_owned(),
    ]);
    for line in seen
        .text
        .lines()
        .filter(|line| line.contains("(serial") || line.contains("serial "))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let half = &keys["tokens"][words[0]];
        let answer = scene.path(&format!("answer-{}", &words[0][..8]));
        openssl::answer(&scene.path(""), half, words[2], &answer);
        args.extend([
            "--given".to_owned(),
            format!("{}={}", words[0], answer.display()),
        ]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seen = recover(&scene, python, text(&packed), &args, &[]).ended(0);
    assert!(
        seen.text
            .contains("AWS_SECRET_ACCESS_KEY=secret/of/deploy/in/generation/00000001"),
        "{seen}"
    );
}
