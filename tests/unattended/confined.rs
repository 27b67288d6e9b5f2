//! The tool where the units and the container put it: on a system that is read-only but for the folders that are
//! named, as a user who is not root and can become nobody else. No systemd and no container engine runs here, so
//! the same is made with mount, setpriv and chroot, and the system calls are compared with the unit's filter.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkers::{content, run};
use crate::cut_off;
use crate::scene::{Scene, binary, seen};
use crate::units::{allowed_calls, calls};
use crate::{aws, deploy, scene};

/// The user of breakglass.sysusers.conf, of the pod and of the container.
const USER: u32 = 7731;

/// Mounts everything read-only but what is named up to `--`, and becomes the command as that user.
const READ_ONLY: &str = r#"
set -eu
user=$1; shift
named=
while [ "$1" != -- ]; do
    mount --bind "$1" "$1"
    named="$named $1 "
    shift
done
shift
findmnt -rno TARGET | while read -r target; do
    case $target in /proc*|/sys*|/dev*) continue ;; esac
    case $named in *" $target "*) continue ;; esac
    mount -o remount,bind,ro "$target"
done
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- "$@"
"#;

/// Mounts `SOURCE TARGET` pairs up to `--` into a root folder that is read-only, and becomes the command in it.
const IN_ROOT: &str = r#"
set -eu
user=$1 root=$2; shift 2
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs -- chroot --userspec="$user:$user" "$root" "$@"
"#;

/// The scene's parts in the hands of that user, and the credentials as a service gets them.
struct Place {
    scene: Scene,
    metrics: PathBuf,
    aws: PathBuf,
}

impl Place {
    fn new() -> Self {
        let scene = Scene::founded(&["deploy"]);
        scene.add(&["deploy"]);
        let (metrics, aws) = (scene.path("metrics"), scene.path("aws"));
        let parts = [&scene.vault(), &scene.station().to_owned(), &metrics, &aws];
        for folder in [&metrics, &aws] {
            fs::create_dir(folder).expect("the folder is ours");
        }
        let files = scene.server().files();
        fs::copy(files.config, aws.join("config")).expect("copied");
        fs::copy(files.credentials, aws.join("credentials")).expect("copied");
        for part in parts {
            give(part);
        }
        // On the way to its own folders it may pass.
        let way = fs::Permissions::from_mode(0o711);
        fs::set_permissions(scene.path(""), way).expect("the folder is ours");
        Self {
            scene,
            metrics,
            aws,
        }
    }

    /// The tool where that user finds it.
    fn program(&self) -> PathBuf {
        let program = self.scene.path("breakglass");
        if !program.exists() {
            fs::copy(binary(), &program).expect("copied");
        }
        program
    }

    fn unshared(&self, script: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh", &USER.to_string()]);
        command.env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("AWS_PROFILE", aws::ROTATOR);
        command
    }

    /// A command on this system, which is read-only but for these folders.
    fn read_only_but(&self, writable: &[&Path]) -> Command {
        let mut command = self.unshared(READ_ONLY);
        command.env("BREAKGLASS_VAULT", self.scene.vault());
        command.env("BREAKGLASS_STATION", self.scene.station());
        command.env("AWS_CONFIG_FILE", self.aws.join("config"));
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.aws.join("credentials"));
        command.args(writable).arg("--");
        command
    }
}

/// Gives a folder and all that is in it to that user.
fn give(path: &Path) {
    chown(path, Some(USER), Some(USER)).expect("we are root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the folder") {
            give(&entry.expect("an entry").path());
        }
    }
}

fn says(command: &mut Command) -> scene::Seen {
    seen(&run(command, ""))
}

#[test]
fn the_service_rotates_on_a_read_only_system_as_nobody_in_particular() {
    if !cut_off::possible() {
        return;
    }
    let place = Place::new();
    let (vault, station) = (place.scene.vault(), place.scene.station().to_owned());
    let three = [vault.as_path(), &station, &place.metrics];

    // That the walls are there is seen from inside.
    let probe = "for at; do (: >\"$at/probe\") 2>/dev/null && { rm \"$at/probe\"; echo \"$at\"; }; done; id -u";
    let everywhere = ["/", "/tmp", "/var/tmp", "/etc", "/home"];
    let mut inside = place.read_only_but(&three);
    inside.args(["sh", "-c", probe, "sh"]).args(everywhere);
    inside
        .args([&place.aws, &place.scene.path("home")])
        .args(three);
    let lines: Vec<String> = three
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let seen = content(&mut inside, "");
    assert_eq!(seen.trim(), format!("{}\n{USER}", lines.join("\n")));

    // A real rotation, its system calls written down.
    let log = place.metrics.join("calls");
    let prom = place.metrics.join("breakglass.prom");
    let mut rotate = place.read_only_but(&three);
    rotate.args(["strace", "-f", "-qqq", "-o"]).arg(&log);
    rotate.arg(place.program());
    says(rotate.args(["rotate", "--due", "--metrics"]).arg(&prom)).ended(0);
    assert_eq!(place.scene.keys_of("deploy").len(), 1);
    let metrics = fs::read_to_string(&prom).expect("the metrics");
    assert!(
        metrics.contains("breakglass_last_run_exit_code{vault=\"acme\"} 0"),
        "{metrics}"
    );
    the_filter_lets_it(&log);

    // The watch does not even write to the vault.
    let two = [station.as_path(), &place.metrics];
    for args in [&["status"][..], &["ledger", "verify"]] {
        let mut watch = place.read_only_but(&two);
        watch.arg(place.program()).args(args);
        if args == ["status"] {
            watch.arg("--metrics").arg(&prom);
        }
        says(&mut watch).ended(0);
    }

    // And without a vault that can be written to, nothing is made.
    let mut again = place.read_only_but(&two);
    let refused = says(again.arg(place.program()).arg("rotate"));
    assert_ne!(refused.code, 0, "{refused}");
    assert_eq!(place.scene.keys_of("deploy").len(), 1);
}

/// Nothing in the log is against the filters of the unit but what is asked for to be safer.
fn the_filter_lets_it(log: &Path) {
    let allowed = allowed_calls("breakglass-rotate.service");
    let made = calls(log);
    assert!(made.contains("connect") && made.len() > 20, "{made:?}");
    let refused: BTreeSet<&str> = made.difference(&allowed).map(String::as_str).collect();
    // No core dump: LimitCORE=0 says the same. They get EPERM, and go on.
    let harmless = BTreeSet::from(["prlimit64", "setrlimit"]);
    assert!(refused.is_subset(&harmless), "{refused:?}");

    let text = fs::read_to_string(log).expect("the log");
    for line in text.lines() {
        // MemoryDenyWriteExecute
        let both = line.contains("PROT_WRITE|PROT_EXEC");
        let later = line.contains("mprotect(") && line.contains("PROT_EXEC");
        assert!(!both && !later, "{line}");
        // RestrictAddressFamilies
        if let Some((_, family)) = line.split_once(" socket(") {
            let family = family.split(',').next().expect("a family");
            assert!(
                ["AF_INET", "AF_INET6", "AF_UNIX"].contains(&family),
                "{line}"
            );
        }
    }
}

/// The refusal of the limit does no harm: that the unit says EPERM and does not kill is part of it.
#[test]
fn a_call_that_is_refused_with_eperm_is_done_without() {
    let scene = Scene::founded(&["deploy"]);
    scene.add(&["deploy"]);
    let unit = fs::read_to_string(deploy("systemd/breakglass-rotate.service")).expect("the unit");
    assert!(unit.contains("\nSystemCallErrorNumber=EPERM\n"));
    let mut hindered = Command::new("strace");
    hindered.args(["-f", "-qqq", "-o", "/dev/null"]);
    for call in ["prlimit64", "setrlimit"] {
        hindered.args(["-e", &format!("inject={call}:error=EPERM")]);
    }
    hindered.arg(binary()).arg("rotate");
    hindered.env_clear().envs(scene.environment());
    says(&mut hindered).ended(0);
}

#[test]
fn the_container_holds_all_that_a_rotation_needs_and_no_shell() {
    if !cut_off::possible() {
        return;
    }
    let place = Place::new();
    let root = place.scene.path("rootfs");
    let mut make = Command::new("sh");
    make.arg(deploy("container/rootfs"))
        .arg(binary())
        .arg(&root);
    content(&mut make, "");
    for part in ["vault", "station", "metrics"] {
        fs::create_dir(root.join("data").join(part)).expect("the folder is ours");
    }
    assert!(!root.join("bin/sh").exists() && !root.join("usr/bin").exists());

    let mut inside = place.unshared(IN_ROOT);
    inside.env("BREAKGLASS_VAULT", "/data/vault");
    inside.env("BREAKGLASS_STATION", "/data/station");
    inside.env("AWS_CONFIG_FILE", "/aws/config");
    inside.env("AWS_SHARED_CREDENTIALS_FILE", "/aws/credentials");
    inside.arg(&root);
    for (from, to) in [
        (place.scene.vault(), "/data/vault"),
        (place.scene.station().to_owned(), "/data/station"),
        (place.metrics.clone(), "/data/metrics"),
        (place.aws.clone(), "/aws"),
    ] {
        inside.arg(from).arg(to);
    }
    inside.args(["--", "/usr/local/bin/breakglass", "rotate", "--due"]);
    inside.args(["--metrics", "/data/metrics/breakglass.prom"]);
    says(&mut inside).ended(0);
    assert_eq!(place.scene.keys_of("deploy").len(), 1);
    assert!(place.metrics.join("breakglass.prom").exists());
}

/// The container's settings, as far as a file without an engine can be judged: no engine runs in the tests, and the
/// images that it begins with lie in no registry that is reached from here.
#[test]
fn the_containerfile_ends_as_nobody_with_nothing_but_the_program() {
    let text = fs::read_to_string(deploy("container/Containerfile")).expect("the file");
    let (_, last) = text.rsplit_once("\nFROM ").expect("two stages");
    let lines: Vec<&str> = last.lines().collect();
    assert_eq!(lines[0], "scratch");
    assert!(lines.contains(&"USER 7731:7731"), "{last}");
    assert!(lines.contains(&"ENTRYPOINT [\"/usr/local/bin/breakglass\"]"));
    assert!(!lines.iter().any(|line| line.starts_with("RUN")), "{last}");
    let manifest = include_str!("../../Cargo.toml");
    let wanted = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""));
    let wanted = wanted.expect("a version").trim_end_matches('"');
    let wanted = wanted.rsplit_once('.').expect("three numbers").0;
    assert!(
        text.contains(&format!("rust:{wanted}-bookworm AS build")),
        "{wanted}"
    );
}
