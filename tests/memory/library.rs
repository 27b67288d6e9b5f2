//! The library's own types and computations, without the allocator that the binary wipes with: a process of
//! its own uses up secrets and says so; its memory is read then.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use breakglass::crypto::{self, SoftwareSigner, shamir};
use breakglass::secret::{AccessKeySecret, Pin, RoleSecret, Share, SigningSeed};
use breakglass::system::SystemEntropy;
use zeroize::Zeroize;

use crate::can_look;
use crate::scan::{self, Needle};

/// What the secrets are made of; nobody finds it where a secret is looked for.
const SEED: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";

/// A secret byte, different for each secret.
fn byte(secret: u8, at: usize) -> u8 {
    // Printable, for what must be a text.
    b'A' + (SEED[at % 32]
        .wrapping_mul(31)
        .wrapping_add(secret.wrapping_mul(7))
        % 26)
}

fn fill(secret: u8, out: &mut [u8]) {
    for (at, out) in out.iter_mut().enumerate() {
        *out = byte(secret, at);
    }
}

const NAMES: [&str; 5] = [
    "a PIN",
    "a secret access key",
    "a role secret",
    "a signing seed",
    "a role secret that is held",
];

#[test]
fn nothing_is_left_of_what_the_library_has_used_up() {
    if !can_look() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "library::child_library",
            "--ignored",
            "--nocapture",
        ])
        .env("BREAKGLASS_TEST_JOB", "use up")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    for line in lines {
        if line.expect("its output").ends_with("used up") {
            break;
        }
    }
    let needles: Vec<Needle> = (1_u8..)
        .zip(NAMES)
        .map(|(secret, name)| {
            let mut bytes = vec![0; 32];
            fill(secret, &mut bytes);
            (name.to_owned(), bytes)
        })
        .collect();
    let found = scan::find(child.id(), &needles);
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("a role secret that is held"),
        "{found:?}"
    );
}

#[test]
#[ignore = "what the other test starts as a process of its own"]
fn child_library() {
    if std::env::var_os("BREAKGLASS_TEST_JOB").is_none() {
        return;
    }
    let held = RoleSecret::filled(|out| fill(5, out));
    use_up();
    println!("used up");
    std::io::stdout().flush().expect("the parent reads");
    let _ = std::io::stdin().read(&mut [0]);
    assert_eq!(held.expose()[0], byte(5, 0));
}

/// Does with each secret what is done with it in the tool.
#[inline(never)]
fn use_up() {
    let mut typed = [0; 32];
    fill(1, &mut typed);
    drop(Pin::new(std::str::from_utf8(&typed).expect("text")));
    typed.zeroize();
    let mut made = [0; 32];
    fill(2, &mut made);
    let key = AccessKeySecret::new(&made);
    made.zeroize();
    assert_eq!(key.expect("a secret").expose().len(), 32);
    let secret = RoleSecret::filled(|out| fill(3, out));
    let name = "deploy".parse().expect("a name");
    drop(crypto::narrow(&secret, &name).expect("32 bytes"));
    let shares = shamir::split(&secret, 2, 3, &SystemEntropy).expect("shares");
    let of: Vec<(u8, &Share)> = shares
        .iter()
        .take(2)
        .map(|(at, share)| (*at, share))
        .collect();
    drop(shamir::combine(2, &of).expect("a role secret"));
    let signer = SoftwareSigner::new(SigningSeed::filled(|out| fill(4, out)));
    assert_eq!(signer.sign(b"something").len(), 64);
}
