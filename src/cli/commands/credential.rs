//! `breakglass credential`

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::args::Credential;
use crate::cli::{output, render};
use crate::ledger::{CredentialState, KeyState};
use crate::model::{AccessKeyId, AccessRole, Class, Failure, Name};
use crate::ops::{self, NewCredential, Retired};

/// Adds or shows credentials.
pub fn run(app: &App, command: Credential) -> Result<ExitCode, Failure> {
    match command {
        Credential::Add {
            name,
            user,
            compartment,
            account,
            roles,
        } => {
            let new = NewCredential {
                roles: roles.roles(&name)?,
                name,
                compartment,
                user,
                account,
            };
            add(app, &new)
        }
        Credential::Roles { name, roles, .. } => {
            let roles = roles.roles(&name)?;
            set_roles(app, &name, roles)
        }
        Credential::Retire {
            name,
            reason,
            without_aws: false,
        } => app.in_vault_with_aws(|vault, cloud, _| {
            let retired = ops::retire_credential(vault, Some(cloud), &name, &reason)?;
            Ok(told(app, &name, &retired))
        }),
        Credential::Retire { name, reason, .. } => {
            app.require_whole()?;
            app.in_vault(|vault, _| {
                let retired = ops::retire_credential(vault, None, &name, &reason)?;
                Ok(told(app, &name, &retired))
            })
        }
        Credential::List => list(app),
        Credential::Show { name } => show(app, &name),
    }
}

fn add(app: &App, new: &NewCredential) -> Result<ExitCode, Failure> {
    app.in_vault_with_aws(|vault, cloud, _| {
        let added = ops::add_credential(vault, cloud, new)?;
        if app.json() {
            output::json(&serde_json::json!({ "credential": added }));
        } else {
            output::text(&format!(
                "{} is the user {} in account {}. It has no key yet: breakglass rotate {}\n",
                added.name, added.user, added.account, added.compartment
            ));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn set_roles(app: &App, name: &Name, roles: Vec<AccessRole>) -> Result<ExitCode, Failure> {
    app.require_whole()?;
    app.in_vault(|vault, _| {
        let profiles: Vec<String> = roles.iter().map(|role| role.profile.to_string()).collect();
        if app.json() {
            let document = serde_json::json!({ "credential": name, "roles": roles });
            ops::set_roles(vault, name, roles)?;
            output::json(&document);
            return Ok(ExitCode::SUCCESS);
        }
        ops::set_roles(vault, name, roles)?;
        output::text(&match profiles.is_empty() {
            true => format!("An opening of {name} hands over its key.\n"),
            false => format!(
                "An opening of {name} hands over sessions, as the profiles {}. Try it once: a role that does not \
                 trust the user is found out by nothing else.\n",
                profiles.join(", ")
            ),
        });
        Ok(ExitCode::SUCCESS)
    })
}

/// Says what became of the keys of a credential that was given up.
fn told(app: &App, name: &Name, retired: &Retired) -> ExitCode {
    if app.json() {
        let document = serde_json::json!({
            "credential": name, "deleted": retired.deleted, "left": retired.left,
        });
        output::json(&document);
        return ExitCode::SUCCESS;
    }
    let ids = |ids: &[AccessKeyId]| {
        let ids: Vec<&str> = ids.iter().map(AccessKeyId::as_str).collect();
        ids.join(", ")
    };
    let mut text = format!("{name} is given up. ");
    text += &match retired.deleted.as_slice() {
        [] => "Nothing was deleted".to_owned(),
        deleted => format!("Deleted: {}", ids(deleted)),
    };
    if !retired.left.is_empty() {
        text += &format!(". AWS was not asked: {} may still work", ids(&retired.left));
    }
    output::text(&format!("{text}.\n"));
    ExitCode::SUCCESS
}

fn list(app: &App) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, _| {
        let state = vault.state();
        if app.json() {
            let all: Vec<_> = state.credentials.values().map(document).collect();
            output::json(&serde_json::json!({ "credentials": all }));
            return Ok(ExitCode::SUCCESS);
        }
        let header = [
            "NAME",
            "COMPARTMENT",
            "ACCOUNT",
            "USER",
            "KEY",
            "GENERATION",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for credential in state.kept() {
            let definition = &credential.definition;
            let (key, generation) = match credential.current() {
                Some(key) => (key.id.to_string(), key.generation.to_string()),
                None => ("-".to_owned(), "-".to_owned()),
            };
            rows.push(vec![
                definition.name.to_string(),
                definition.compartment.to_string(),
                definition.account.to_string(),
                definition.user.to_string(),
                key,
                generation,
            ]);
        }
        output::text(&render::table(&rows));
        Ok(ExitCode::SUCCESS)
    })
}

fn show(app: &App, name: &Name) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, _| {
        let credential = vault.state().credentials.get(name).ok_or_else(|| {
            let what = format!("there is no credential {name}");
            Failure::new(
                Class::Refused,
                "no-such-credential",
                what,
                "nothing was changed",
            )
            .hint("breakglass credential list")
        })?;
        if app.json() {
            output::json(&document(credential));
            return Ok(ExitCode::SUCCESS);
        }
        let definition = &credential.definition;
        let mut rows = vec![
            vec!["credential".to_owned(), definition.name.to_string()],
            vec!["compartment".to_owned(), definition.compartment.to_string()],
            vec!["account".to_owned(), definition.account.to_string()],
            vec!["user".to_owned(), definition.user.to_string()],
        ];
        for role in &credential.roles {
            let id = role.external_id.as_ref();
            let id = id.map_or_else(String::new, |id| format!(", external id {id}"));
            let text = format!("{}: {}{id}", role.profile, role.arn);
            rows.push(vec!["role".to_owned(), text]);
        }
        for key in &credential.keys {
            let text = format!(
                "generation {}, sealed {}, {}",
                key.generation,
                key.sealed,
                fate(key)
            );
            rows.push(vec![key.id.to_string(), text]);
        }
        if let Some((time, reason)) = &credential.retired {
            rows.push(vec!["given up".to_owned(), format!("{time}: {reason}")]);
        }
        if let Some((time, code)) = &credential.failed {
            rows.push(vec!["last failure".to_owned(), format!("{code} at {time}")]);
        }
        output::text(&render::table(&rows));
        Ok(ExitCode::SUCCESS)
    })
}

fn fate(key: &KeyState) -> &'static str {
    match key {
        KeyState { gone: Some(_), .. } => "deleted",
        KeyState {
            deactivated: Some(_),
            ..
        } => "deactivated",
        KeyState {
            committed: true, ..
        } => "in force",
        KeyState {
            proved: Some(_), ..
        } => "proved, not in force yet",
        _ => "sealed, not proved",
    }
}

fn document(credential: &CredentialState) -> serde_json::Value {
    let keys: Vec<_> = credential
        .keys
        .iter()
        .map(|key| {
            serde_json::json!({
                "id": key.id,
                "generation": key.generation,
                "sealed": key.sealed,
                "state": fate(key),
                "opened-in": key.opened_in,
            })
        })
        .collect();
    let retired = credential.retired.as_ref();
    let retired = retired
        .map(|(time, reason)| serde_json::json!({ "time": time, "reason": reason.to_string() }));
    serde_json::json!({
        "definition": credential.definition, "roles": credential.roles, "keys": keys, "retired": retired,
    })
}
