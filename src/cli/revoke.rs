//! How to end the sessions of a role before their time: a command for whoever may write the role's policies, since
//! the rotator must not.

use crate::ops::Outlived;

/// Until when the sessions live, and what ends them now (IAM user guide, "Revoke IAM role temporary security
/// credentials"). Nothing in it needs quoting but the document, which has no quote of the shell's.
pub fn text(one: &Outlived) -> String {
    let Outlived {
        credential,
        role,
        expires,
        ..
    } = one;
    format!(
        "{credential}: sessions of {role} were handed over and live until {expires}. To end them now, in account \
         {} (whatever else uses the role must assume it again):\n  {}\n",
        role.account(),
        command(one)
    )
}

/// The command itself.
pub fn command(one: &Outlived) -> String {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": one.before}},
        }],
    });
    format!(
        "aws iam put-role-policy --role-name {} --policy-name breakglass-revoke-sessions --policy-document '{document}'",
        one.role.role_name()
    )
}

/// The same for machines.
pub fn document(one: &Outlived) -> serde_json::Value {
    serde_json::json!({
        "credential": one.credential,
        "role": one.role,
        "expires": one.expires,
        "revoke": command(one),
    })
}
