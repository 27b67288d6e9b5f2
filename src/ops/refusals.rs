//! Why a change of the manifest is refused, and what is left to do.

use crate::manifest::{ChangeRefused, Unsound};
use crate::model::{Class, Failure};
use crate::policy::CannotSign;

const STAYS: &str = "the manifest in force stays as it is";

impl From<ChangeRefused> for Failure {
    fn from(error: ChangeRefused) -> Self {
        let failure = Self::new(Class::Refused, "change-refused", error.to_string(), STAYS);
        let failure = match error {
            ChangeRefused::Unsound(unsound) => left_to_do(failure, &unsound),
            ChangeRefused::Exists("rotator", name) => failure.hint(format!(
                "if it was set up anew: breakglass rotator replace {name} {name} --key KEY"
            )),
            ChangeRefused::Unknown("root", _) | ChangeRefused::Exists("root", _) => {
                return failure.hint("breakglass policy explain");
            }
            ChangeRefused::Unknown("rotator", _) => return failure.hint("breakglass rotator list"),
            _ => failure,
        };
        failure.hint("breakglass custodian list")
    }
}

fn left_to_do(failure: Failure, unsound: &Unsound) -> Failure {
    match unsound {
        Unsound::NoToken(name) => failure
            .hint(format!(
                "if {name} stays: breakglass custodian enroll {name} --role ROLE --token URI --replaces SERIAL"
            ))
            .hint(format!(
                "if {name} goes: breakglass custodian retire {name}, with --lost if nobody has the token"
            )),
        Unsound::Threshold { role, holders: 0, .. } => failure.hint(format!(
            "enrol somebody else first: breakglass custodian enroll NAME --role {role} --token URI"
        )),
        Unsound::Threshold {
            role,
            threshold,
            holders,
        } if usize::from(*threshold) > *holders => failure
            .hint(format!("breakglass threshold {role} {holders}, before anybody leaves"))
            .hint(format!(
                "or one more person first: breakglass custodian enroll NAME --role {role} --token URI"
            )),
        Unsound::Rotators(_) => failure
            .hint("in one change: breakglass rotator replace OLD NEW --key KEY"),
        Unsound::Token(_) => failure.hint("give another token, one that nobody has: breakglass token list"),
        Unsound::Evidence(..) => failure.hint(
            "a token that is enrolled would not be taken any more; another in its place first: breakglass custodian \
             enroll NAME --role ROLE --token URI --replaces SERIAL",
        ),
        Unsound::Roots(_) => failure.hint("give the root itself, too: openssl x509 -in FILE -noout -text"),
        Unsound::Retired(_) => failure.hint(
            "with fresh keys it is another token: empty it with its maker's tool, then: breakglass token generate URI",
        ),
        _ => failure,
    }
}

impl From<CannotSign> for Failure {
    fn from(error: CannotSign) -> Self {
        let failure = Self::new(Class::Refused, "quorum-lost", error.to_string(), STAYS)
            .hint("if one of the tokens is found after all, name only those that stay lost");
        let failure = if error.opens {
            failure.hint(
                "what is sealed can still be opened: found a new vault while it can: breakglass init",
            )
        } else {
            failure
                .hint("nobody can open this vault without them: found a new one: breakglass init")
        };
        failure.hint("who is left, and for what: breakglass policy explain")
    }
}
