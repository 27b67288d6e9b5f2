//! What a child is told by its environment: the credential, and nobody else's.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use super::profile_file::{Profile, ProfileFile};
use crate::model::{Name, Timestamp};
use crate::ops::{Handed, Session};

/// Whatever would lead the AWS tools of the child to somebody else's credentials.
const OTHERS: [&str; 10] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The profile of what a child is given, where that is one thing: what the runbooks of a company can name.
const PROFILE: &str = "break-glass";

/// Fills the environment of a child. The file must be open when the child is started, and no longer.
pub fn fill(
    command: &mut Command,
    handed: &Handed,
    incident: &Name,
    expires: Timestamp,
) -> io::Result<ProfileFile> {
    for name in OTHERS {
        command.env_remove(name);
    }
    command
        .env("BREAKGLASS_CREDENTIAL", handed.definition().name.as_str())
        .env("BREAKGLASS_INCIDENT", incident.as_str())
        .env("BREAKGLASS_EXPIRES", expires.to_string())
        .envs(region());
    match handed {
        Handed::Key(released) => {
            command
                .env("AWS_ACCESS_KEY_ID", released.access_key.as_str())
                .env("AWS_SECRET_ACCESS_KEY", released.secret.expose());
            let key = Profile {
                name: PROFILE,
                key: &released.access_key,
                secret: released.secret.expose(),
                token: None,
            };
            profiles(command, &[key])
        }
        Handed::Sessions(_, sessions) => of_sessions(command, sessions),
    }
}

/// Lays the profiles where the AWS tools of a child look for them.
fn profiles(command: &mut Command, profiles: &[Profile<'_>]) -> io::Result<ProfileFile> {
    let file = ProfileFile::new(profiles)?;
    let names: Vec<&str> = profiles.iter().map(|one| one.name).collect();
    command
        .env("BREAKGLASS_PROFILES", names.join(" "))
        .env("AWS_SHARED_CREDENTIALS_FILE", file.path());
    Ok(file)
}

fn profile<'a>(name: &'a str, session: &'a Session) -> Profile<'a> {
    Profile {
        name,
        key: &session.made.key,
        secret: session.made.secret.expose(),
        token: Some(session.made.token.expose()),
    }
}

/// Each session is a profile. A single one is what is used without a profile, too; of several none is: which account
/// a command is for, whoever types it says.
fn of_sessions(command: &mut Command, sessions: &[Session]) -> io::Result<ProfileFile> {
    let each = sessions.iter();
    let mut all: Vec<Profile<'_>> = each
        .map(|one| profile(one.role.profile.as_str(), one))
        .collect();
    if let [one] = sessions
        && one.role.profile.as_str() != PROFILE
    {
        all.push(profile(PROFILE, one));
    }
    let file = profiles(command, &all)?;
    // A profile of the same name in there would go before ours.
    command.env("AWS_CONFIG_FILE", "/dev/null");
    match sessions {
        [one] => {
            let made = &one.made;
            command
                .env("AWS_ACCESS_KEY_ID", made.key.as_str())
                .env("AWS_SECRET_ACCESS_KEY", made.secret.expose())
                .env("AWS_SESSION_TOKEN", made.token.expose())
                .env("AWS_CREDENTIAL_EXPIRATION", made.expires.to_string());
        }
        // Without a profile the tools would ask the machine that they run on.
        _ => {
            command.env("AWS_EC2_METADATA_DISABLED", "true");
        }
    }
    Ok(file)
}

/// The region often comes from the profile that the child must not use, and older AWS tools read one of
/// the two variables only. STS and IAM answer in any.
fn region() -> [(&'static str, OsString); 2] {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| "us-east-1".into());
    let default = set("AWS_DEFAULT_REGION").unwrap_or_else(|| region.clone());
    [("AWS_REGION", region), ("AWS_DEFAULT_REGION", default)]
}
