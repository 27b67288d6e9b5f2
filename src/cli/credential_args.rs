//! `credential`, and the roles of one as they are typed.

use clap::{Args as ClapArgs, Subcommand};

use crate::model::{
    AccessRole, AccountId, Class, ExternalId, Failure, Name, NotAName, Reason, RoleArn, UserName,
};

#[derive(Debug, Subcommand)]
pub enum Credential {
    /// Look after an IAM user's access key from now on
    Add {
        /// The credential's name
        name: Name,
        /// The IAM user
        #[arg(long)]
        user: UserName,
        /// The compartment
        #[arg(long, default_value = "main")]
        compartment: Name,
        /// The account [default: that of the rotator's credentials]
        #[arg(long)]
        account: Option<AccountId>,
        #[command(flatten)]
        roles: RoleArgs,
    },
    /// Say which roles an opening hands over from now on, in the place of the key; those of before are forgotten
    Roles {
        /// The credential's name
        name: Name,
        #[command(flatten)]
        roles: RoleArgs,
        /// No role: the key itself is handed over
        #[arg(long, conflicts_with = "role", required_unless_present = "role")]
        none: bool,
    },
    /// Give one up: its keys are deleted, and it gets no more
    Retire {
        /// Which
        name: Name,
        /// Why; it stands in the ledger for ever
        #[arg(long, short)]
        reason: Reason,
        /// Do not ask AWS, and leave the keys as they are: for an account that is closed
        #[arg(long)]
        without_aws: bool,
    },
    /// Show the credentials
    List,
    /// Show one with all its keys
    Show {
        /// Which
        name: Name,
    },
}

/// `--role` and `--external-id`.
#[derive(Debug, ClapArgs)]
pub struct RoleArgs {
    /// A role that the user may assume, and whose session an opening hands over in the place of the key; again for
    /// more. NAME is what its AWS profile is called then [default: the credential's name]
    #[arg(long, value_name = "[NAME=]ARN", value_parser = role)]
    role: Vec<(Option<Name>, RoleArn)>,
    /// What the trust policy of that role asks for as the external id
    #[arg(long, value_name = "NAME=ID", value_parser = external_id, requires = "role")]
    external_id: Vec<(Name, ExternalId)>,
}

fn role(text: &str) -> Result<(Option<Name>, RoleArn), String> {
    let (name, arn) = match text.split_once('=') {
        // A role's name may have the sign in it, and no name of ours has a colon.
        Some((name, arn)) if !name.contains(':') => (Some(name), arn),
        _ => (None, text),
    };
    let name = name.map(str::parse).transpose();
    let name = name.map_err(|error: NotAName| error.to_string())?;
    let arn = arn.parse().map_err(|error: NotAName| error.to_string())?;
    Ok((name, arn))
}

fn external_id(text: &str) -> Result<(Name, ExternalId), String> {
    let (name, id) = text
        .split_once('=')
        .ok_or("it takes the name of a role's profile, =, and the external id")?;
    let refused = |error: NotAName| error.to_string();
    Ok((name.parse().map_err(refused)?, id.parse().map_err(refused)?))
}

impl RoleArgs {
    /// The roles of this credential.
    pub fn roles(self, credential: &Name) -> Result<Vec<AccessRole>, Failure> {
        let mut roles: Vec<AccessRole> = (self.role.into_iter())
            .map(|(profile, arn)| AccessRole {
                profile: profile.unwrap_or_else(|| credential.clone()),
                arn,
                external_id: None,
            })
            .collect();
        for (name, id) in self.external_id {
            let role = roles.iter_mut().find(|role| role.profile == name);
            let role = role.ok_or_else(|| {
                Failure::new(
                    Class::Usage,
                    "no-such-role",
                    format!("--external-id names {name}, and no --role does"),
                    "nothing was changed",
                )
                .hint(format!("--role {name}=ARN --external-id {name}=ID"))
            })?;
            role.external_id = Some(id);
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::210987654321:role/a=b";

    #[test]
    fn a_role_may_be_named_and_have_the_sign_in_it() {
        let (name, arn) = role(ARN).expect("a role");
        assert_eq!((name, arn.as_str()), (None, ARN));
        let (name, arn) = role(&format!("prod={ARN}")).expect("a role");
        assert_eq!(name, Some("prod".parse().expect("a name")));
        assert_eq!(arn.as_str(), ARN);
        for bad in [
            "",
            "prod",
            "prod=",
            "prod=deploy",
            "Prod=arn:aws:iam::210987654321:role/x",
        ] {
            assert!(role(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_external_id_is_of_one_of_the_roles() {
        let args = |role: &str, id: &str| RoleArgs {
            role: vec![super::role(role).expect("a role")],
            external_id: vec![external_id(id).expect("an external id")],
        };
        let deploy: Name = "deploy".parse().expect("a name");
        let roles = args(ARN, "deploy=a=b").roles(&deploy).expect("roles");
        assert_eq!(roles[0].profile, deploy);
        assert_eq!(
            roles[0].external_id.as_ref().map(ExternalId::as_str),
            Some("a=b")
        );
        assert!(args(ARN, "prod=ab").roles(&deploy).is_err());
        assert!(external_id("ab").is_err());
    }
}
