//! The vault, its ledger, and what this station remembers of it.

use crate::cli::app::App;
use crate::cli::home::{self, Home};
use crate::crypto::SoftwareSigner;
use crate::model::Failure;
use crate::ops::{self, Finding, Level, Papers};
use crate::ports::{Clock, Memory, Remembered, Store, StoreError, StoreKey};
use crate::secret::SigningSeed;
use crate::store::{BucketPlace, DirStore, SplitStore};
use crate::system::{SystemClock, SystemEntropy};

/// What was found.
pub struct Looked {
    /// Whether anything says which vault is meant.
    pub named: bool,
    /// The vault's papers, if they are good.
    pub papers: Option<Papers>,
    pub findings: Vec<Finding>,
}

/// Looks at the vault that the command line or the configuration names.
pub fn look(app: &App) -> Looked {
    let mut looked = Looked {
        named: app.vault_path().is_ok(),
        papers: None,
        findings: Vec::new(),
    };
    if !looked.named {
        looked.findings.push(
            Finding::new(
                Level::Good,
                "vault",
                "no vault is named, so none was looked at",
            )
            .mend("--vault PLACE, or vault = \"…\" in the station's config.toml"),
        );
        return looked;
    }
    if let Err(failure) = at(app, &mut looked) {
        looked
            .findings
            .push(Finding::of(Level::Problem, "vault", failure));
    }
    looked
}

fn at(app: &App, looked: &mut Looked) -> Result<(), Failure> {
    if let Err(error) = app.memory().check_writable() {
        let failure = Failure::from(error);
        looked
            .findings
            .push(Finding::of(Level::Problem, "station", failure));
    }
    let seen = remembered(app)?;
    let (store, made) = store(app)?;
    looked.findings.push(anchor(seen.as_ref()));
    looked.findings.push(ledger(app, &*store, made)?);
    if let Home::Bucket(place) = app.vault_home()? {
        looked.findings.push(protection(app, &place)?);
    }
    let entropy = SystemEntropy;
    // It signs nothing: reading a ledger takes a name and a key, and the station's own may not exist yet.
    let seed = SigningSeed::try_filled(|out| crate::ports::Entropy::fill(&entropy, out))?;
    let signer = SoftwareSigner::new(seed);
    let papers = ops::papers(&*store, seen.as_ref(), &app.station_name()?, &signer)?;
    looked.findings.extend(papers.findings(SystemClock.now()));
    looked.papers = Some(papers);
    Ok(())
}

/// What brings back an object of a bucket that somebody overwrote or deleted.
fn protection(app: &App, place: &BucketPlace) -> Result<Finding, Failure> {
    let kept = app.bucket(place)?.protection()?;
    let (level, text) = match (kept.versioned, kept.locked) {
        (Some(true), Some(true)) => (
            Level::Good,
            "the bucket keeps older versions of its objects, and can lock them against being deleted",
        ),
        (Some(true), _) => (
            Level::Good,
            "the bucket keeps older versions of its objects; whoever may delete versions can erase the record",
        ),
        (Some(false), _) => (
            Level::Warning,
            "the bucket keeps no older versions: whoever may write or delete in it can erase the record",
        ),
        (None, _) => (
            Level::Warning,
            "the bucket does not say whether it keeps older versions of its objects",
        ),
    };
    let finding = Finding::new(level, "bucket", text);
    Ok(match kept.versioned {
        Some(true) => finding,
        Some(false) => finding
            .mend("copies for the safe notice it: breakglass vault export DIR")
            .mend("on AWS: versioning and Object Lock; not where they break conditional writes (docs/operations.md)"),
        None => finding.mend("give s3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration on the bucket"),
    })
}

/// What the station remembers. Its folder is not made for it.
fn remembered(app: &App) -> Result<Option<Remembered>, Failure> {
    match app.memory().read("anchor.json", 4096)? {
        None => Ok(None),
        Some(_) => Ok(app.memory().recall()?),
    }
}

fn anchor(seen: Option<&Remembered>) -> Finding {
    match seen {
        None => ops::untrusted(),
        Some(seen) => Finding::new(
            Level::Good,
            "station",
            format!(
                "this station trusts {}, manifest {} and later, {} entries and more",
                seen.vault.short(),
                seen.version,
                seen.ledger_size
            ),
        ),
    }
}

/// The vault, and whether the folder for its ledger is still to be made: then it is not looked at.
fn store(app: &App) -> Result<(Box<dyn Store>, bool), Failure> {
    let vault = match app.vault_home()? {
        Home::Folder(path) => home::folder(&path)?,
        Home::Bucket(_) => return Ok((app.store()?, true)),
    };
    let Some(path) = app.ledger_path() else {
        return Ok((Box::new(vault), true));
    };
    match DirStore::open(path) {
        Err(StoreError::NotFound(_)) => Ok((Box::new(vault), false)),
        medium => Ok((Box::new(SplitStore::open(vault, medium?)?), true)),
    }
}

/// Where an opening would be recorded, and whether it can be.
fn ledger(app: &App, store: &dyn Store, made: bool) -> Result<Finding, Failure> {
    if !made {
        return Ok(to_be_made(app));
    }
    let commits = StoreKey::new("ledger/commit")
        .map_err(|error| StoreError::Failed("ledger/commit".to_owned(), error.to_string()))?;
    match store.check_writable(&commits) {
        Ok(place) => Ok(Finding::new(
            Level::Good,
            "ledger",
            format!("an opening is recorded in {place}"),
        )),
        Err(error @ StoreError::Unwritable(..)) => Ok(Finding::new(
            Level::Problem,
            "ledger",
            format!("an opening could not be recorded, so there would be none: {error}"),
        )
        .mend("where the vault is in a folder, another one takes the ledger: --ledger DIR")
        .mend("or make room, or see that this user may write there")),
        Err(error) => Err(error.into()),
    }
}

/// The folder is made by the first command that records something; its parent must take it.
fn to_be_made(app: &App) -> Finding {
    let path = app.ledger_path().map(std::path::Path::to_owned);
    let path = path.unwrap_or_default();
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(std::path::Path::new("."));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::access(above, access) {
        Ok(()) => Finding::new(
            Level::Good,
            "ledger",
            format!(
                "an opening is recorded in {}, which is made then",
                path.display()
            ),
        ),
        Err(error) => Finding::new(
            Level::Problem,
            "ledger",
            format!("{} cannot be made: {error}", path.display()),
        )
        .mend("connect the medium, or name another: --ledger DIR"),
    }
}
