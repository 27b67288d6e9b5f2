//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub use super::credential_args::Credential;
use crate::format::KEEP_PROVED_DAYS;
use crate::model::{Digest, Firmware, Name, Reason, Role};

/// A two-person vault for the AWS credentials that a company hopes never to use.
#[derive(Debug, Parser)]
#[command(name = "breakglass", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed and nothing changed, 2 usage, 3 a person is needed, 4 refused by policy, \
5 token or PIN or touch, 6 PIN blocked or last try withheld, 7 integrity: stop and call someone, \
8 AWS refused or unreachable, 9 half done: run it again, 10 status, doctor, join: \
something is overdue, open or in the way, \
70 a bug. A child's own code passes through.";

/// What every command takes.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub struct Globals {
    /// The vault's folder, or s3://BUCKET/PREFIX [default: the one in the station's config.toml]
    #[arg(
        long,
        global = true,
        value_name = "PLACE",
        env = "BREAKGLASS_VAULT",
        hide_env_values = true
    )]
    pub vault: Option<PathBuf>,
    /// A folder that takes what is added to the ledger, where the vault is a copy that nothing is written to
    /// [default: the one in config.toml, else the vault]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "BREAKGLASS_LEDGER",
        hide_env_values = true
    )]
    pub ledger: Option<PathBuf>,
    /// This machine's folder: pins, software key, configuration [default: ~/.config/breakglass]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "BREAKGLASS_STATION",
        hide_env_values = true
    )]
    pub station: Option<PathBuf>,
    /// A PKCS#11 module; may be given several times [default: those of config.toml, or whatever known one
    /// is installed]
    #[arg(long, global = true, value_name = "FILE")]
    pub module: Vec<PathBuf>,
    /// Answer in JSON, errors too
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Found a vault: every founder's token signs the first manifest
    Init(Init),
    /// Trust a vault on this machine, by the fingerprint from the card in the safe
    Trust {
        /// 64 hexadecimal digits; blanks between them do no harm
        #[arg(required = true)]
        fingerprint: Vec<String>,
    },
    /// Tokens: what is there, and preparing one
    #[command(subcommand)]
    Token(Token),
    /// People and their tokens
    #[command(subcommand)]
    Custodian(Custodian),
    /// Set how many custodians of a role make a quorum
    Threshold {
        /// ic, bgo or so
        role: Role,
        /// How many
        count: u8,
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Who can open what
    #[command(subcommand)]
    Policy(Policy),
    /// Credentials that rotate and open together
    #[command(subcommand)]
    Compartment(Compartment),
    /// Machines that may seal
    #[command(subcommand)]
    Rotator(Rotator),
    /// The IAM users whose keys are looked after
    #[command(subcommand)]
    Credential(Credential),
    /// Make fresh access keys and seal them, without any token; the first sealing, too
    Rotate {
        /// These compartments [default: all]
        compartments: Vec<Name>,
        /// Only what is due by the vault's policy
        #[arg(long)]
        due: bool,
        /// What another rotator has begun, too: it is dead, and its time is not over yet
        #[arg(long)]
        take_over: bool,
        /// Say what would be done and why, by the vault alone: AWS is not asked, nothing is changed or recorded
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        metrics: Metrics,
    },
    /// Open credentials with two people, and use them
    #[command(after_help = UNSEAL_EXAMPLES)]
    Unseal(Unseal),
    /// Show with two people that credentials open, without showing a secret: for a quiet day
    #[command(after_help = DRILL_EXAMPLES)]
    Drill {
        /// The credentials [default: all]
        #[arg(conflicts_with = "compartment")]
        credentials: Vec<Name>,
        /// All credentials of a compartment
        #[arg(long, value_name = "NAME")]
        compartment: Option<Name>,
    },
    /// Close an incident: deactivate what was opened, see that AWS refuses it, replace it
    Close {
        /// The incident [default: the only one that is open]
        incident: Option<Name>,
    },
    /// Who can open the vault, what is overdue, what is open
    Status {
        #[command(flatten)]
        metrics: Metrics,
    },
    /// What would stop an opening tonight, on this machine, with what to type about it. Asks for no PIN and
    /// changes nothing
    Doctor,
    /// A copy of the vault for the safe
    #[command(subcommand)]
    Vault(Vault),
    /// The append-only record of every act
    #[command(subcommand)]
    Ledger(Ledger),
    /// Show what a file of a vault says, without believing it
    Inspect {
        /// The file
        file: PathBuf,
    },
    /// Write shell completions to standard output
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder
        dir: PathBuf,
    },
}

const UNSEAL_EXAMPLES: &str = "\
Examples:
  breakglass unseal deploy --reason 'INC-42: single sign-on is down' -- aws sts get-caller-identity
  breakglass unseal deploy --reason 'INC-42: …'            a shell that has the credential
  breakglass unseal --compartment prod --reason '…' -- CMD  CMD once for each credential, one after the other
  breakglass unseal deploy --reason '…' --credential-process | …  the answer of a credential_process";

const DRILL_EXAMPLES: &str = "\
Examples:
  breakglass drill                     everything that the vault seals
  breakglass drill --compartment prod  one touch of each person, however many credentials that are";

/// Found a vault.
#[derive(Debug, ClapArgs)]
pub struct Init {
    /// The vault's name
    pub name: Name,
    /// An Incident Commander and a token: alice=pkcs11:token=ic-alice; again for more people or spares
    #[arg(long, value_name = "NAME=URI", required = true)]
    pub ic: Vec<Founder>,
    /// A Break-Glass Operator and a token
    #[arg(long, value_name = "NAME=URI", required = true)]
    pub bgo: Vec<Founder>,
    /// A Security Officer and a token
    #[arg(long, value_name = "NAME=URI")]
    pub so: Vec<Founder>,
    /// How many Incident Commanders make a quorum
    #[arg(long, default_value_t = 1)]
    pub ic_threshold: u8,
    /// How many Break-Glass Operators make a quorum
    #[arg(long, default_value_t = 1)]
    pub bgo_threshold: u8,
    /// A compartment; may be given several times
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub compartment: Vec<Name>,
    /// Allow a quorum in which no token proves a touch (HSMs and SoftHSM cannot)
    #[arg(long)]
    pub allow_no_touch: bool,
    /// The oldest firmware that a YubiKey may have; before 5.7.0 its keys can be taken out of it (CVE-2024-45678)
    #[arg(long, value_name = "X.Y.Z", default_value = "5.7.0")]
    pub min_firmware: Firmware,
    /// Take YubiKeys whose keys ask for the PIN once a session: another program could ride on it
    #[arg(long)]
    pub allow_pin_once: bool,
    #[command(flatten)]
    pub roots: OwnRoots,
    /// Days after which a compartment is due for rotation
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub rotate_days: u32,
    /// The longest lease, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 240)]
    pub max_lease: u32,
    /// How long a replaced key stays deactivated before it is deleted, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 0)]
    pub grace: u32,
    /// How long a replaced key that a drill has shown to open is kept, deactivated, while no newer one has been, in
    /// days; 0 keeps none
    #[arg(long, value_name = "DAYS", default_value_t = KEEP_PROVED_DAYS)]
    pub keep_proved: u32,
    /// This machine's name in the ledger [default: its host name]
    #[arg(long, value_name = "NAME")]
    pub station_name: Option<Name>,
}

/// Roots of attestation beside Yubico's.
#[derive(Debug, ClapArgs)]
pub struct OwnRoots {
    /// The company's own root of attestation, and authorities below it (PEM), where it writes slot F9 itself; may
    /// be given several times
    #[arg(long, value_name = "FILE")]
    pub attestation_root: Vec<PathBuf>,
}

/// `alice=pkcs11:token=ic-alice`
#[derive(Debug, Clone)]
pub struct Founder {
    pub name: Name,
    pub locator: String,
}

impl std::str::FromStr for Founder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, locator) = text
            .split_once('=')
            .ok_or("it takes NAME=URI, such as alice=pkcs11:token=ic-alice")?;
        let name = name
            .parse()
            .map_err(|error: crate::model::NotAName| error.to_string())?;
        Ok(Self {
            name,
            locator: locator.to_owned(),
        })
    }
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Show the tokens that are present
    List,
    /// Show what a token holds for us, without its PIN
    Inspect {
        /// The token: piv:SERIAL, or an RFC 7512 URI such as pkcs11:token=ic-alice
        uri: String,
        #[command(flatten)]
        roots: OwnRoots,
    },
    /// Show what is known of PKCS#11 modules: all of them, or all of one
    Profiles {
        /// The profile's name
        name: Option<String>,
    },
    /// Prepare a token for a custodian: own secrets in the place of the factory's, a seal key and a sign key
    Generate {
        /// The token: piv:SERIAL for a YubiKey (piv:SERIAL?seal=82 keeps slot 9d free), or an RFC 7512 URI
        uri: String,
        /// Overwrite keys that are there, after the serial number was typed
        #[arg(long)]
        replace_keys: bool,
        #[command(flatten)]
        roots: OwnRoots,
    },
}

/// What every change of the manifest takes.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct DryRun {
    /// Show the plan: what changes, who must sign, what it costs. Nobody is asked, nothing is changed
    #[arg(long)]
    pub dry_run: bool,
}

const LIFE: &str = "\
Every change shows first what is different, who must sign, what it costs and what is to be done next, and \
takes no PIN before that. --dry-run shows the same and stops there.";

#[derive(Debug, Subcommand)]
pub enum Custodian {
    /// Show the people, their roles and tokens
    List,
    /// Give a person a token: a new custodian, or a spare for one
    #[command(after_help = LIFE)]
    Enroll {
        /// Who
        name: Name,
        /// ic, bgo or so
        #[arg(long)]
        role: Role,
        /// Their token, prepared with `token generate`
        #[arg(long, value_name = "URI")]
        token: String,
        /// In place of this token of theirs, which is lost: both in one change
        #[arg(long, value_name = "SERIAL")]
        replaces: Option<String>,
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// A token is lost or stolen: retire it. It signs nothing, not even this
    #[command(after_help = LIFE)]
    Lost {
        /// Its serial number, as `custodian list` shows it; again for more tokens
        #[arg(required = true, value_name = "SERIAL")]
        serials: Vec<String>,
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Retire a person, or one of their tokens
    #[command(after_help = LIFE)]
    Retire {
        /// Who
        name: Name,
        /// Only the token with this serial number
        #[arg(long, value_name = "SERIAL")]
        token: Option<String>,
        /// It is lost, or all of theirs are: they sign nothing, not even this
        #[arg(long)]
        lost: bool,
        #[command(flatten)]
        dry_run: DryRun,
    },
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Show who can open what, in every combination, and how many tokens and people may be lost
    Explain {
        /// These compartments [default: all]
        compartments: Vec<Name>,
    },
    /// Change what is asked of YubiKeys, and the times
    #[command(after_help = LIFE)]
    Set(PolicySet),
}

/// What is asked of YubiKeys, and the times; what is not named stays as it is.
#[derive(Debug, ClapArgs)]
#[group(id = "rules", required = true, multiple = true, args = [
    "min_firmware", "allow_pin_once", "refuse_pin_once", "add_root", "remove_root", "rotate_days", "max_lease",
    "grace", "keep_proved",
])]
pub struct PolicySet {
    /// The oldest firmware that is taken, such as 5.7.0
    #[arg(long, value_name = "X.Y.Z")]
    pub min_firmware: Option<Firmware>,
    /// Take keys that ask for the PIN once a session
    #[arg(long, conflicts_with = "refuse_pin_once")]
    pub allow_pin_once: bool,
    /// Take only keys that ask for the PIN at each use
    #[arg(long)]
    pub refuse_pin_once: bool,
    /// Trust the company's own root of attestation, and authorities below it (PEM); may be given several times
    #[arg(long, value_name = "FILE")]
    pub add_root: Vec<PathBuf>,
    /// Trust this one no more; its SHA-256, as `policy explain` shows it
    #[arg(long, value_name = "SHA-256")]
    pub remove_root: Vec<Digest>,
    /// Days after which a compartment is due for rotation
    #[arg(long, value_name = "DAYS")]
    pub rotate_days: Option<u32>,
    /// The longest lease, in minutes
    #[arg(long, value_name = "MINUTES")]
    pub max_lease: Option<u32>,
    /// How long a replaced key stays deactivated before it is deleted, in minutes
    #[arg(long, value_name = "MINUTES")]
    pub grace: Option<u32>,
    /// How long a replaced key that a drill has shown to open is kept, in days; 0 keeps none
    #[arg(long, value_name = "DAYS")]
    pub keep_proved: Option<u32>,
    #[command(flatten)]
    pub dry_run: DryRun,
}

#[derive(Debug, Subcommand)]
pub enum Compartment {
    /// Show the compartments
    List,
    /// Add one: credentials that rotate and open together, apart from the others
    #[command(after_help = LIFE)]
    Add {
        /// Its name
        name: Name,
        #[command(flatten)]
        dry_run: DryRun,
    },
}

#[derive(Debug, Subcommand)]
pub enum Rotator {
    /// Show the rotators
    List,
    /// Let a machine seal
    #[command(after_help = LIFE)]
    Add {
        /// Its name
        name: Name,
        /// Its public key, as the machine itself shows it (base64)
        #[arg(long, value_name = "KEY")]
        key: String,
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Put a machine in the place of another, or give one that was set up anew its new key
    #[command(after_help = LIFE)]
    Replace {
        /// The one that may seal no more
        old: Name,
        /// The one that may from now on; it may have the same name
        new: Name,
        /// The new one's public key, as the machine itself shows it (base64)
        #[arg(long, value_name = "KEY")]
        key: String,
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Take a machine's right to seal away
    #[command(after_help = LIFE)]
    Retire {
        /// Its name
        name: Name,
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// Open credentials.
#[derive(Debug, ClapArgs)]
pub struct Unseal {
    /// The credentials
    #[arg(required_unless_present = "compartment")]
    pub credentials: Vec<Name>,
    /// All credentials of a compartment
    #[arg(long, value_name = "NAME")]
    pub compartment: Option<Name>,
    /// Why; it stands in the ledger for ever
    #[arg(long, short)]
    pub reason: Reason,
    /// An incident that is open already
    #[arg(long)]
    pub incident: Option<Name>,
    /// Of credentials with roles, the session of this role alone, by its profile; again for more [default: all]
    #[arg(long, value_name = "PROFILE")]
    pub role: Vec<Name>,
    /// Hand over the long-lived key itself although there are roles: where STS cannot be reached, say
    #[arg(long, conflicts_with = "role")]
    pub without_role: bool,
    /// How long the credentials may live: 30m, 2h [default: 1h]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lease: Option<Duration>,
    /// Write the answer of an AWS credential_process to standard output, for one credential
    #[arg(long, conflicts_with = "command")]
    pub credential_process: bool,
    /// "-": write a secret to standard output even if that is a terminal
    #[arg(long, short, value_name = "-", requires = "credential_process", value_parser = ["-"])]
    pub output: Option<String>,
    /// The command that gets the credential in its environment [default: your shell]
    #[arg(last = true)]
    pub command: Vec<OsString>,
}

/// Where what a monitor asks for is written.
#[derive(Debug, ClapArgs)]
pub struct Metrics {
    /// Write the metrics of Prometheus's text format there, as a whole, whatever the outcome; "-" is standard
    /// output, in the place of what it shows otherwise
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Write a folder for the safe: the vault, what it stands at, a card to print, this program. Run it again
    /// after each rotation; the folder is replaced as a whole
    Export {
        /// The folder; one that an export made, an empty one, or none
        dir: PathBuf,
        /// Leave this program out
        #[arg(long)]
        without_program: bool,
    },
    /// Set this machine up to open from such a folder. The fingerprint is typed, from the card in the safe
    Import {
        /// The folder
        dir: PathBuf,
        /// 64 hexadecimal digits; blanks between them do no harm
        #[arg(required = true)]
        fingerprint: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Check every hash, signature and sealed document (intact), and compare with what this machine remembers
    /// (complete)
    Verify,
    /// Show the entries
    Log {
        /// Of one incident alone
        #[arg(long)]
        incident: Option<Name>,
    },
    /// Bring what was recorded offline, with --ledger, into this vault's ledger
    Join {
        /// The folder that took it
        dir: PathBuf,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "it takes a time such as 30m or 2h".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "it must not be negative".to_owned())
}

/// A fingerprint as people type it: in groups, or not.
pub fn fingerprint(parts: &[String]) -> Result<Digest, crate::model::NotADigest> {
    let text: String = parts
        .concat()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    text.to_lowercase().parse()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_fingerprint_may_be_typed_in_groups() {
        let digest = Digest([0xab; 32]);
        let groups: Vec<String> = digest
            .grouped()
            .to_uppercase()
            .split(' ')
            .map(str::to_owned)
            .collect();
        assert_eq!(fingerprint(&groups), Ok(digest));
        assert!(fingerprint(&groups[1..]).is_err());
    }
}
