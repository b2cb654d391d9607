//! The URL of a DynamoDB table: `dynamodb://TABLE?region=…&endpoint=…`. It holds no secret: credentials come from AWS's
//! own chain.

use std::fmt;
use std::str::FromStr;

use crate::settings::{AwsRegion, WebOrigin};

/// A table, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoTable {
    /// The table's name.
    pub table: String,
    /// Its region; without one, that of the environment or of the machine.
    pub region: Option<AwsRegion>,
    /// Where the service is, in place of AWS's own address for the region.
    pub endpoint: Option<WebOrigin>,
}

/// What is wrong with the URL of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDynamoTable {
    /// Not of the general form.
    #[error("must be `dynamodb://TABLE`, with `?region=REGION&endpoint=URL` if need be")]
    Form,
    /// No table can have that name.
    #[error("its table must be named by 3 to 255 letters, digits, `_`, `-` and `.`")]
    Table,
    /// The region is none.
    #[error("its region must be one such as eu-central-1")]
    Region,
    /// The endpoint is no origin.
    #[error(
        "its endpoint must be `https://HOST` or `http://HOST`, with a port if need be, and nothing after it"
    )]
    Endpoint,
}

impl FromStr for DynamoTable {
    type Err = InvalidDynamoTable;

    /// Reads what follows `dynamodb:`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("//").ok_or(InvalidDynamoTable::Form)?;
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(3..=255).contains(&table.len()) || !table.bytes().all(is_letter) {
            return Err(InvalidDynamoTable::Table);
        }
        let mut found = Self { table: table.to_owned(), region: None, endpoint: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("region", region)) => {
                    let region = AwsRegion::try_from(region.to_owned());
                    found.region = Some(region.map_err(|_| InvalidDynamoTable::Region)?);
                }
                Some(("endpoint", endpoint)) => {
                    // The two characters of an origin that some write as escapes in a query.
                    let endpoint = endpoint.to_ascii_lowercase().replace("%3a", ":").replace("%2f", "/");
                    let endpoint = WebOrigin::try_from(endpoint);
                    found.endpoint = Some(endpoint.map_err(|_| InvalidDynamoTable::Endpoint)?);
                }
                _ => return Err(InvalidDynamoTable::Form),
            }
        }
        Ok(found)
    }
}

impl fmt::Display for DynamoTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "dynamodb://{}", self.table)?;
        let region = self.region.as_ref().map(|region| format!("region={region}"));
        let endpoint = self.endpoint.as_ref().map(|endpoint| format!("endpoint={endpoint}"));
        let query: Vec<String> = region.into_iter().chain(endpoint).collect();
        if query.is_empty() { Ok(()) } else { write!(formatter, "?{}", query.join("&")) }
    }
}
