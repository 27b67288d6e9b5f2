//! Looking after credentials.

use super::open_vault::OpenVault;
use super::roles;
use super::world::Cloud;
use crate::ledger::{CredentialDefinition, Event};
use crate::model::{AccessRole, AccountId, Class, Failure, Name, UserName};
use crate::ports::IamUser;

/// A credential that is to be looked after.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Its name.
    pub name: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The IAM user.
    pub user: UserName,
    /// The account; that of the rotator's credentials unless said otherwise.
    pub account: Option<AccountId>,
    /// The roles that an opening hands over in the place of its key.
    pub roles: Vec<AccessRole>,
}

/// Adds a credential. Its user must exist and have no access key: a key that nobody sealed is no
/// break-glass key. The first key is made by the next rotation.
///
/// # Errors
/// [`Failure`]; nothing was added then.
pub fn add(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    new: &NewCredential,
) -> Result<CredentialDefinition, Failure> {
    vault.require_rotator()?;
    roles::check(&new.roles)?;
    if vault.state().credentials.contains_key(&new.name) {
        return Err(refused(
            "credential-exists",
            format!("there is a credential {} already", new.name),
        )
        .hint(format!("breakglass credential show {}", new.name)));
    }
    if !vault.manifest().compartments.contains(&new.compartment) {
        let what = format!("there is no compartment {}", new.compartment);
        return Err(refused("no-such-compartment", what)
            .hint(format!("breakglass compartment add {}", new.compartment)));
    }
    let account = match &new.account {
        Some(account) => account.clone(),
        None => cloud.keys.rotator()?.account,
    };
    let reached = cloud.keys.reaches(&account).map_err(Failure::from);
    reached.map_err(|failure| failure.state("nothing was added"))?;
    let twin = vault
        .state()
        .kept()
        .find(|known| known.definition.account == account && known.definition.user == new.user);
    if let Some(twin) = twin {
        let twin = &twin.definition.name;
        let what = format!(
            "the user {} is looked after already, as the credential {twin}",
            new.user
        );
        return Err(refused("user-taken", what).hint(format!("breakglass credential show {twin}")));
    }
    let user = IamUser {
        account: account.clone(),
        name: new.user.clone(),
    };
    let keys = cloud.keys.list(&user)?;
    if !keys.is_empty() {
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        let what = format!(
            "the user {} has access keys already: {}",
            new.user,
            ids.join(", ")
        );
        let mut failure = refused("foreign-key", what);
        for id in ids {
            failure = failure.hint(format!(
                "whose is it? aws iam get-access-key-last-used --access-key-id {id}"
            ));
            failure = failure.hint(format!(
                "if nobody needs it: aws iam delete-access-key --user-name {} --access-key-id {id}",
                new.user
            ));
        }
        return Err(failure);
    }
    let definition = CredentialDefinition {
        name: new.name.clone(),
        compartment: new.compartment.clone(),
        account,
        user: new.user.clone(),
    };
    let mut events = vec![Event::CredentialAdded {
        credential: definition.clone(),
    }];
    if !new.roles.is_empty() {
        events.push(roles::set(&new.name, new.roles.clone()));
    }
    vault.journal.record_all(vault.world.clock.now(), events)?;
    vault.remember()?;
    Ok(definition)
}

fn refused(code: &'static str, what: String) -> Failure {
    Failure::new(Class::Refused, code, what, "nothing was added")
}
