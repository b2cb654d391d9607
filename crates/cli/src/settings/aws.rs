//! What settings about AWS share: the region. Credentials are no setting of ours; AWS's own chain finds them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an AWS region, checked in outline: new ones appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct AwsRegion(String);

/// A text that is no region's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an AWS region such as eu-central-1")]
pub struct InvalidAwsRegion;

impl AwsRegion {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AwsRegion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<AwsRegion> for String {
    fn from(region: AwsRegion) -> Self {
        region.0
    }
}

impl TryFrom<String> for AwsRegion {
    type Error = InvalidAwsRegion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_region = (3..=32).contains(&text.len()) && text.bytes().all(is_letter);
        if is_region { Ok(Self(text)) } else { Err(InvalidAwsRegion) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_lower_case_letters_digits_and_hyphens() {
        for text in ["eu-central-1", "us-gov-west-1", "local"] {
            assert_eq!(AwsRegion::try_from(text.to_owned()).unwrap().as_str(), text);
        }
        for text in ["", "eu", "EU-CENTRAL-1", "eu central 1", "eu-central-1.example.org"] {
            assert_eq!(AwsRegion::try_from(text.to_owned()), Err(InvalidAwsRegion), "{text}");
        }
    }
}
