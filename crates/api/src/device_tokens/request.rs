//! What is asked of device tokens, as bodies say it.

use secrecy::{ExposeSecret as _, SecretString};
use symbolon_domain::device_tokens::{ClaimCode, DeviceId};
use utoipa::ToSchema;

use crate::{
    Api,
    fields::{Fault, Fields, FromFields, parsed, sized},
    problem::Slug,
};

/// The longest name that an issuer gives anybody, in bytes; account ids are shorter.
const LONGEST_USER_ID: usize = 255;

/// For which device a token is asked, and for whom.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceTokenRequest, example = json!({
    "device_id": "ada-laptop-7c1f", "user_id": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1",
}))]
pub(crate) struct RequestBody {
    /// What the device calls itself, in visible ASCII characters.
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    pub(super) device_id: DeviceId,
    /// The caller: the id of the account, or the principal that the token's issuer names.
    #[schema(min_length = 1, max_length = 255)]
    pub(super) user_id: String,
}

/// The other half of a device token.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceTokenClaim, example = json!({"device_id": "ada-laptop-7c1f", "claim_code": "0123456"}))]
pub(crate) struct ClaimBody {
    /// The device that it was asked for.
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    pub(super) device_id: DeviceId,
    /// Seven digits, from the mail; spaces are forgiven.
    #[schema(value_type = String, example = "0123456")]
    pub(super) claim_code: ClaimCode,
}

/// A device token, and the device that shows it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceTokenQuestion, example = json!({"token": "eyJ…", "device_id": "ada-laptop-7c1f"}))]
pub(crate) struct ShownBody {
    /// The token in question.
    #[schema(value_type = String)]
    pub(super) token: SecretString,
    /// What the device calls itself.
    #[schema(value_type = String)]
    pub(super) device_id: SecretString,
}

impl FromFields for RequestBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let device_id = device_id(fields);
        let user_id = fields.required("user_id", |text| user_id(&text));
        Some(Self { device_id: device_id?, user_id: user_id? })
    }
}

impl FromFields for ClaimBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let device_id = device_id(fields);
        let claim_code = fields.required("claim_code", |text| parsed(&text, "seven digits are expected"));
        Some(Self { device_id: device_id?, claim_code: claim_code? })
    }
}

impl FromFields for ShownBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let token = fields.required("token", Ok);
        let device_id = fields.required("device_id", Ok);
        Some(Self { token: token?, device_id: device_id? })
    }
}

fn device_id(fields: &mut Fields) -> Option<DeviceId> {
    fields.required("device_id", |text| sized(&text, &DeviceId::LENGTHS))
}

/// Whose it is, only the caller's own name can tell: here it is a name at all.
fn user_id(text: &SecretString) -> Result<String, Fault> {
    let text = text.expose_secret();
    if text.is_empty() {
        Err(Fault::new(Slug::Insufficient, "the id of an account, or a principal, is expected"))
    } else if text.len() > LONGEST_USER_ID {
        Err(Fault::new(Slug::Overflow, "at most 255 bytes are allowed"))
    } else if text.chars().any(char::is_control) {
        Err(Fault::new(Slug::InvalidFormat, "control characters are not allowed"))
    } else {
        Ok(text.to_owned())
    }
}
