//! The laws of the house (section 8 of the design), each as a question to one file.

use super::source::{Path, Source};

/// The one module that may say `unsafe`: two calls of PKCS#11 that no crate has.
pub const UNSAFE_ALLOWED: &str = "token::pkcs11::raw";

/// The longest file under `src/`, in lines.
pub const FILE_MAX: usize = 600;
/// The longest function outside tests, in lines.
pub const FUNCTION_MAX: usize = 80;

/// A storey of the house. A file imports from its own storey or from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    Ground,
    Ports,
    Record,
    Rules,
    Deeds,
    Roof,
    /// Beside the house: implements ports, knows the ground; only the roof knows it.
    Adapter,
}

/// The floor of a top-level module.
pub fn floor(module: &str) -> Option<Floor> {
    Some(match module {
        "cli" => Floor::Roof,
        "ops" => Floor::Deeds,
        "attestation" | "ceremony" | "incident" | "manifest" | "rotation" | "policy" | "report"
        | "usage" => Floor::Rules,
        "ledger" => Floor::Record,
        "ports" => Floor::Ports,
        "format" | "crypto" | "secret" | "model" => Floor::Ground,
        "token" | "store" | "aws" | "system" | "monitor" => Floor::Adapter,
        _ => return None,
    })
}

fn may_import(from: &str, to: &str) -> bool {
    match (floor(from), floor(to)) {
        _ if from == to => true,
        (None, _) | (_, None) => false,
        (Some(Floor::Roof), _) => true,
        (_, Some(Floor::Adapter)) => false,
        (Some(Floor::Adapter), Some(below)) => below <= Floor::Ports,
        (Some(from), Some(to)) => to <= from,
    }
}

/// Crates that belong to certain modules: `name` or, with a star, all that begin so.
const CRATES: [(&str, &[&str]); 15] = [
    ("clap*", &["cli"]),
    ("rpassword", &["cli"]),
    ("indicatif", &["cli"]),
    ("tokio", &["aws", "store"]),
    ("futures_util", &["aws", "store"]),
    ("aws_credential_types", &["aws", "store"]),
    ("aws_*", &["aws"]),
    ("cryptoki*", &["token"]),
    ("yubikey", &["token"]),
    ("pcsc", &["token"]),
    ("object_store", &["store"]),
    ("tlog_tiles", &["ledger"]),
    ("signed_note", &["ledger"]),
    ("libc", &[]),
    ("zeroizing_alloc", &[]),
];

/// What speaks to the person, ends the process or reads the environment: the roof's alone.
const ROOF_ONLY: [&str; 12] = [
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "std::env",
    "env::var",
    "env::args",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "process::exit",
    "process::abort",
];

/// What the core reaches through a port only. A file descriptor (`std::os::fd`) reaches nothing by itself: ports hand
/// them on.
const WORLD: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::os::unix",
    "std::os::linux",
    "time::SystemTime",
    "time::Instant",
    "SystemTime::now",
    "Instant::now",
];

/// What stands nowhere outside tests. An RSA private key in this process would make RUSTSEC-2023-0071
/// ours, which `scripts/deps-rules.toml` says it is not.
const NOWHERE: [&str; 6] = [
    "dbg!",
    "todo!",
    "unimplemented!",
    "panic!",
    "unreachable!",
    "RsaPrivateKey",
];

/// All that is against the law in one file, as `line: what and why`.
pub fn violations(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.lines > FILE_MAX {
        found.push(format!("{} lines are more than {FILE_MAX}", source.lines));
    }
    for (name, line, length) in source.functions() {
        if length > FUNCTION_MAX {
            found.push(format!(
                "{line}: fn {name} has {length} lines, more than {FUNCTION_MAX}"
            ));
        }
    }
    for at in 0..source.tokens.len() {
        let calls = source.text(at) == "." && source.text(at + 2) == "(";
        let word = source.text(at + usize::from(calls));
        let allowed = source.module.join("::") == UNSAFE_ALLOWED;
        if word == "unsafe" && !allowed || calls && (word == "unwrap" || word == "expect") {
            found.push(format!("{}: `{word}`", source.tokens[at].line));
        }
    }
    for path in source.paths() {
        if let Some(why) = unlawful(&source.module, &path) {
            found.push(format!("{}: `{}` {why}", path.line, path.parts.join("::")));
        }
    }
    found
}

/// Why a file of `module` must not name this path.
fn unlawful(module: &[String], path: &Path) -> Option<String> {
    let Some(from) = module.first() else {
        return unlawful_in_root(path);
    };
    if floor(from).is_none() {
        return Some(format!(
            "stands in `{from}`, which is on no floor of the house"
        ));
    }
    if path.ours {
        let to = path.parts.first()?;
        return (!may_import(from, to)).then(|| format!("is not for `{from}` to import"));
    }
    foreign_crate(from, path).or_else(|| forbidden_name(from, path))
}

/// The roots: `lib.rs` only names its modules, `main.rs` only calls the roof and chooses the allocator.
fn unlawful_in_root(path: &Path) -> Option<String> {
    if path.ours {
        let roof = path.parts.first().is_some_and(|to| to == "cli");
        return (!roof).then(|| "is more than the roots need: they know the roof alone".to_owned());
    }
    let part = |at: usize| path.parts.get(at).map_or("", String::as_str);
    let harmless = matches!(
        (part(0), part(1)),
        ("std", "process" | "alloc") | ("zeroizing_alloc", _)
    );
    (!harmless).then(|| "is more than the roots need".to_owned())
}

fn foreign_crate(from: &str, path: &Path) -> Option<String> {
    let head = &path.parts[0];
    let (_, homes) = CRATES
        .iter()
        .find(|(name, _)| match name.strip_suffix('*') {
            Some(prefix) => head.starts_with(prefix),
            None => head == name,
        })?;
    (!homes.contains(&from)).then(|| match homes.first() {
        Some(home) => format!("belongs to `{home}` alone"),
        None => "belongs nowhere".to_owned(),
    })
}

fn forbidden_name(from: &str, path: &Path) -> Option<String> {
    let floor = floor(from)?;
    let names = |list: &[&str]| list.iter().any(|name| path_has(path, name));
    if names(&NOWHERE) {
        return Some("stands nowhere in the house".to_owned());
    }
    if floor != Floor::Roof && names(&ROOF_ONLY) {
        return Some("is for the roof alone".to_owned());
    }
    if floor < Floor::Deeds && names(&WORLD) {
        return Some("reaches the world without a port".to_owned());
    }
    None
}

/// Whether the path is, or holds, the name; `name!` means the macro.
fn path_has(path: &Path, name: &str) -> bool {
    if let Some(bare) = name.strip_suffix('!') {
        return path.is_macro && path.parts.last().is_some_and(|last| last == bare);
    }
    let wanted: Vec<&str> = name.split("::").collect();
    path.parts
        .windows(wanted.len())
        .any(|part| part.iter().eq(wanted.iter()))
}

/// Dependencies in a `Cargo.toml` that no comment right above them explains.
pub fn unexplained_dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut inside, mut above) = (false, "");
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            if table.contains("dependencies.") {
                found.push(format!("[{table}] is a table: write it on one line"));
            }
        } else if inside && line.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            let explained = above.starts_with("# ") && !above.starts_with("# ---");
            if !explained {
                found.push(
                    line.split(['=', ' ', '.'])
                        .next()
                        .unwrap_or(line)
                        .to_owned(),
                );
            }
        }
        above = line;
    }
    found
}
