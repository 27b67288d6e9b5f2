//! Names of ours and of AWS's, each with the one alphabet that it may use: a name can be a part of a
//! path, of a table and of a signed document without any escaping.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not a name of the kind that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {what}: {rule}")]
pub struct NotAName {
    what: &'static str,
    rule: &'static str,
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $sound:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let sound: fn(&str) -> bool = $sound;
                if sound(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NotAName { what: $what, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }
    };
}

/// Deserialises a string through [`FromStr`], so that a document holds nothing that parsing refuses.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    deserializer.deserialize_str(Text(PhantomData))
}

/// Parses a string where it stands, without a copy of it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

checked_text!(
    /// A name that this vault gives: of a vault, custodian, compartment, credential, rotator.
    Name,
    "a name",
    "1 to 64 of a-z 0-9 . _ -, a letter or digit first, no two dots together",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && !text.contains("..")
    }
);

checked_text!(
    /// An AWS account: 12 digits.
    AccountId,
    "an AWS account",
    "12 digits",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);

checked_text!(
    /// An IAM user's name (IAM API reference, `User`: `[\w+=,.@-]{1,64}`).
    UserName,
    "an IAM user name",
    "1 to 64 of letters, digits and _ + = , . @ -",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    }
);

checked_text!(
    /// An IAM role's ARN (IAM User Guide, "IAM identifiers"), with its path if it has one.
    RoleArn,
    "the ARN of a role",
    "such as arn:aws:iam::123456789012:role/NAME, at most 600 characters",
    |text| is_role_arn(text)
);

checked_text!(
    /// An external id, as a role's trust policy may ask for one (STS API reference, `AssumeRole`). It is no
    /// secret: it says in whose name somebody asks.
    ExternalId,
    "an external id",
    "2 to 1224 of letters, digits and _ + = , . @ : / -",
    |text| {
        (2..=1224).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
    }
);

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b);
    let of_partition = |b: u8| b.is_ascii_lowercase() || b == b'-';
    let name = resource.rsplit('/').next().unwrap_or_default();
    text.len() <= 600
        && partition.starts_with("aws")
        && partition.bytes().all(of_partition)
        && account.parse::<AccountId>().is_ok()
        && resource.starts_with("role/")
        && resource.bytes().all(plain)
        && (1..=64).contains(&name.len())
}

impl RoleArn {
    /// The account that the role is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// Its name, without its path.
    pub fn role_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

checked_text!(
    /// An access key id (IAM API reference, `AccessKey`: 16 to 128 word characters). It is public.
    AccessKeyId,
    "an access key id",
    "16 to 128 letters and digits",
    |text| (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
);

checked_text!(
    /// Why a credential is opened, in a person's words: 1 to 1,000 characters without control
    /// characters, not only blanks.
    Reason,
    "a reason",
    "1 to 1,000 characters on one line, not only blanks",
    |text| {
        !text.trim().is_empty() && text.chars().count() <= 1000 && !text.chars().any(char::is_control)
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_path() {
        for good in ["a", "prod-eu.1", "0"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "A",
            "-a",
            "a..b",
            "a\0",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_arn_of_a_role_is_of_a_role_in_an_account() {
        let arn = "arn:aws-us-gov:iam::210987654321:role/breakglass/access/deploy";
        let role: RoleArn = arn.parse().expect("an ARN");
        assert_eq!(
            (role.account(), role.role_name()),
            ("210987654321", "deploy")
        );
        assert!(
            "arn:aws:iam::210987654321:role/x"
                .parse::<RoleArn>()
                .is_ok()
        );
        for bad in [
            "",
            "deploy",
            "arn:aws:iam::21098765432:role/deploy",
            "arn:aws:iam::210987654321:user/deploy",
            "arn:aws:iam::210987654321:role/",
            "arn:aws:iam::210987654321:role/access/",
            "arn:aws:iam:us-east-1:210987654321:role/deploy",
            "arn:aws:sts::210987654321:role/deploy",
            "arn:other:iam::210987654321:role/deploy",
            "arn:aws:iam::210987654321:role/de ploy",
            "arn:aws:iam::210987654321:role/de'ploy",
            "arn:aws:iam::210987654321:role/a:b",
            &format!("arn:aws:iam::210987654321:role/{}", "a".repeat(65)),
            &format!("arn:aws:iam::210987654321:role/{}x", "a/".repeat(300)),
        ] {
            assert!(bad.parse::<RoleArn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_external_id_is_what_sts_takes() {
        for good in ["ab", "northwind:breakglass", "a/b=c,d@e.f-g+h_i"] {
            assert!(good.parse::<ExternalId>().is_ok(), "{good}");
        }
        for bad in ["", "a", "a b", "a'b", "ä-", &"a".repeat(1225)] {
            assert!(bad.parse::<ExternalId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reason_is_said_on_one_line() {
        assert!(
            "INC-1: single sign-on is down — ünïcode"
                .parse::<Reason>()
                .is_ok()
        );
        for bad in ["", "  ", "a\nb", "\u{1b}[2J", &"a".repeat(1001)] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
        }
    }
}
