//! `breakglass inspect`

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{output, render};
use crate::model::{Class, Failure};
use crate::ops;

/// The most bytes that any file of a vault has.
const MAX: u64 = 4 << 20;

/// Shows what a file says.
pub fn run(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let bytes = read(path)?;
    let inspected = ops::inspect(&bytes)?;
    if json {
        output::json(&serde_json::json!({
            "kind": inspected.kind,
            "digest": inspected.digest,
            "signers": inspected.signers,
            "content": inspected.content,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        vec!["kind".to_owned(), inspected.kind.to_owned()],
        vec!["digest".to_owned(), inspected.digest.to_string()],
    ];
    for signer in &inspected.signers {
        rows.push(vec![
            "signed by".to_owned(),
            format!("{signer} (not verified)"),
        ]);
    }
    output::text(&render::table(&rows));
    for line in format!("{:#}", inspected.content).lines() {
        output::text(&format!("{}\n", crate::cli::escape::Shown(line)));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |what: String| {
        Failure::new(
            Class::Failed,
            "file-unreadable",
            what,
            "nothing was changed",
        )
        .hint("give the path of a file of the vault, such as VAULT/manifest/00000001.json")
    };
    let shown = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|e| unreadable(format!("{shown}: {e}")))?;
    if !meta.is_file() {
        return Err(unreadable(format!("{shown} is not a plain file")));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| unreadable(format!("{shown}: {e}")))?;
    file.take(MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(format!("{shown}: {e}")))?;
    if bytes.len() as u64 > MAX {
        return Err(unreadable(format!(
            "{shown} is larger than any file of a vault ({MAX} bytes)"
        )));
    }
    Ok(bytes)
}
