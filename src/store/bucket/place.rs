//! The names of vaults in object stores.

use std::fmt;
use std::str::FromStr;

use crate::ports::StoreKey;

/// `s3://BUCKET/PREFIX`, the prefix being parts of a [`StoreKey`], or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPlace {
    /// The bucket.
    pub bucket: String,
    /// Under what the vault's objects lie, if not at the top.
    pub prefix: Option<StoreKey>,
}

/// The text names no place in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a place in a bucket: it takes s3://BUCKET or s3://BUCKET/PREFIX, in small letters, digits, dots and \
     hyphens, and underscores in the prefix"
)]
pub struct NotAPlace;

impl BucketPlace {
    /// Whether a text is meant to be one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("s3://")
    }
}

impl FromStr for BucketPlace {
    type Err = NotAPlace;

    /// Buckets by the rules of the Amazon S3 User Guide, "General purpose bucket naming rules": 3 to 63 small
    /// letters, digits, dots and hyphens, a letter or digit at both ends.
    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let rest = text.strip_prefix("s3://").ok_or(NotAPlace)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_sound = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|c| is_plain(&c) || b".-".contains(&c))
            && bucket.as_bytes().first().is_some_and(is_plain)
            && bucket.as_bytes().last().is_some_and(is_plain);
        if !is_sound {
            return Err(NotAPlace);
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let prefix = match prefix {
            "" => None,
            prefix => Some(StoreKey::new(prefix).map_err(|_| NotAPlace)?),
        };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix,
        })
    }
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        match &self.prefix {
            Some(prefix) => write!(f, "/{prefix}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_perhaps_a_prefix() {
        for text in ["s3://vault", "s3://my.company-vault/break/glass_1"] {
            assert_eq!(text.parse::<BucketPlace>().unwrap().to_string(), text);
        }
        let slash: BucketPlace = "s3://vault/acme/".parse().unwrap();
        assert_eq!(slash.to_string(), "s3://vault/acme");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "vault",
            "s3:/vault",
            "S3://vault",
            "s3://",
            "s3://ab",
            "s3://-vault",
            "s3://Vault",
            "s3://vault//x",
            "s3://vault/../x",
            "s3://vault/.x",
            "s3://vault/a b",
            "s3://va_ult",
        ] {
            assert_eq!(text.parse::<BucketPlace>(), Err(NotAPlace), "{text}");
        }
    }
}
