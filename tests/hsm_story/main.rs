//! Vaults whose tokens live in HSMs, through the real binary: two people in one HSM, two people in HSMs of
//! two makes and of two suites, and what a token's warnings about its PIN lead to.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/bench.rs"]
mod bench;
#[path = "../token_modules/make.rs"]
#[allow(dead_code)]
mod make;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;
#[path = "../common/softhsm.rs"]
mod softhsm;
#[path = "../common/token_rules.rs"]
mod token_rules;

mod dual;
mod last_try;
mod played;

use make::{Bench, Make};
use scene::{Scene, Seen};

/// One person's token.
pub struct Holder {
    pub name: &'static str,
    pub uri: String,
    pub pin: String,
}

impl Holder {
    /// Whose token SoftHSM holds, in a scene.
    pub fn in_softhsm(scene: &Scene, name: &'static str) -> Self {
        scene.initialise(name);
        Self {
            name,
            uri: scene::uri(name),
            pin: scene::pin(name),
        }
    }

    /// Whose token the bench's module holds.
    pub fn in_bench(bench: &Bench<'_>, name: &'static str) -> Self {
        Self {
            name,
            uri: bench.make.locator.to_owned(),
            pin: make::PIN.to_owned(),
        }
    }

    pub fn prompt(&self) -> String {
        format!("PIN of {}", self.name)
    }
}

/// A scene whose commands name their modules.
pub struct Vault {
    pub scene: Scene,
    modules: Vec<String>,
}

impl Vault {
    /// Nothing yet but a user in AWS; SoftHSM and these modules are at hand.
    pub fn empty(makes: &[&Make]) -> Self {
        let library = |make: &&Make| {
            let path = make.library().expect("it is installed");
            path.to_str().expect("UTF-8").to_owned()
        };
        Self::of_modules(makes.iter().map(library).collect())
    }

    /// The same with the modules by their paths.
    pub fn of_modules(paths: Vec<String>) -> Self {
        let mut scene = Scene::empty(&["deploy"]);
        for name in ["KRYOPTIC_CONF", "TPM2_PKCS11_TCTI", "TPM2_PKCS11_STORE"] {
            if let Some(value) = std::env::var_os(name) {
                scene.variables.push((name.into(), value));
            }
        }
        let named = paths.into_iter().map(|path| ["--module".to_owned(), path]);
        Self {
            scene,
            modules: named.flatten().collect(),
        }
    }

    /// A command with the modules in front, at a terminal.
    pub fn ask(&self, args: &[&str], answers: &[(&str, &str)]) -> Seen {
        let named = self.modules.iter().map(String::as_str);
        let args: Vec<&str> = named.chain(args.iter().copied()).collect();
        self.scene.at_terminal(&args, answers)
    }

    /// The same without a terminal.
    pub fn run(&self, args: &[&str]) -> Seen {
        let named = self.modules.iter().map(String::as_str);
        let args: Vec<&str> = named.chain(args.iter().copied()).collect();
        self.scene.run(&args)
    }

    /// Makes keys on a token.
    pub fn generate(&self, holder: &Holder) -> Seen {
        self.ask(
            &["token", "generate", &holder.uri],
            &[("(not shown): ", &holder.pin)],
        )
        .ended(0)
    }

    /// Founds the vault, adds the credential and seals its key.
    pub fn found_and_seal(&self, ic: &Holder, bgo: &Holder) {
        let both = [(&*ic.prompt(), &*ic.pin), (&*bgo.prompt(), &*bgo.pin)];
        self.found(ic, bgo, &both);
        self.add_and_seal();
    }

    /// Founds the vault with these answers.
    pub fn found(&self, ic: &Holder, bgo: &Holder, answers: &[(&str, &str)]) -> Seen {
        let (as_ic, as_bgo) = (
            format!("{}={}", ic.name, ic.uri),
            format!("{}={}", bgo.name, bgo.uri),
        );
        let init = [
            "init",
            "acme",
            "--allow-no-touch",
            "--ic",
            &as_ic,
            "--bgo",
            &as_bgo,
        ];
        self.ask(&init, answers).ended(0)
    }

    /// Adds the credential and seals its key.
    pub fn add_and_seal(&self) {
        self.run(&["credential", "add", "deploy", "--user", "deploy"])
            .ended(0);
        self.run(&["rotate"]).ended(0);
    }

    /// Opens the credential with these answers, and runs a command that shows whose key it got.
    pub fn unseal(&self, answers: &[(&str, &str)]) -> Seen {
        let args = scene::unseal_args(&["deploy"], &["sh", "-c", "echo got $AWS_ACCESS_KEY_ID"]);
        self.ask(&args, answers)
    }
}
