//! The name by which API Gateway tells one method and path of one stage of one API:
//! `arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET/users/7`.
//!
//! It is read strictly: what the answer's policy opens is put together from its parts. Its path is the request's own text, and
//! so in no policy.

/// The name of a method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodArn {
    /// Everything up to the stage: what resources of the same stage begin with.
    stage: String,
    method: String,
    path: String,
}

impl MethodArn {
    /// Reads one; none where it is not one that API Gateway gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let ([arn, partition, service, region, account], resource) = parts(text)?;
        let mut parts = resource.splitn(4, '/');
        let (api, stage, method, path) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_sound = arn == "arn"
            && service == "execute-api"
            && is_partition(partition)
            && is_of(region, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && account.len() == 12
            && is_of(account, |byte| byte.is_ascii_digit())
            && is_of(api, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && is_of(stage, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && is_of(method, |byte| byte.is_ascii_uppercase());
        is_sound.then(|| Self {
            stage: format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}"),
            method: method.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path of the request, as it was sent and without its first slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The resource of this method and path, either of which may have wildcards, in the same stage.
    pub(super) fn resource(&self, method: &str, path: &str) -> String {
        format!("{}/{method}/{path}", self.stage)
    }
}

/// The five parts before the resource, which may have colons of its own, and the resource.
fn parts(text: &str) -> Option<([&str; 5], &str)> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    let head = [next()?, next()?, next()?, next()?, next()?];
    Some((head, next()?))
}

/// `aws`, `aws-cn`, `aws-us-gov` and their like.
fn is_partition(text: &str) -> bool {
    text == "aws" || text.strip_prefix("aws-").is_some_and(|rest| is_of(rest, is_lower_or_dash))
}

const fn is_lower_or_dash(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'-'
}

/// Is it something, and all of it of this kind?
fn is_of(text: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod";

    #[test]
    fn a_name_is_taken_apart() {
        for (rest, method, path) in [
            ("GET/users/7", "GET", "users/7"),
            ("POST/", "POST", ""),
            ("GET/a:b/c*d//e", "GET", "a:b/c*d//e"),
        ] {
            let arn = MethodArn::parse(&format!("{STAGE}/{rest}")).unwrap();
            assert_eq!((arn.method(), arn.path()), (method, path), "{rest}");
            assert_eq!(arn.resource("*", "users/*"), format!("{STAGE}/*/users/*"));
        }
        let china = STAGE.replace("arn:aws:", "arn:aws-cn:") + "/GET/";
        assert!(MethodArn::parse(&china).is_some());
    }

    /// Z7: nothing that could widen a policy passes for a part of it.
    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET",
            "arn:aws:execute-api:eu-west-1:123456789012:*/prod/GET/",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/*/GET/",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/*/",
            "arn:aws:execute-api:eu-west-1:*:abcdef1234/prod/GET/",
            "arn:aws:execute-api:eu-west-1:12345678901:abcdef1234/prod/GET/",
            "arn:aws:execute-api:*:123456789012:abcdef1234/prod/GET/",
            "arn:aws:execute-api::123456789012:abcdef1234/prod/GET/",
            "arn:*:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET/",
            "arn:aws:lambda:eu-west-1:123456789012:abcdef1234/prod/GET/",
            "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/${stage}/GET/",
            "x:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET/",
        ] {
            assert_eq!(MethodArn::parse(text), None, "{text}");
        }
    }
}
