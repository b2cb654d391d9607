//! `[licensing]`: who says who is licensed (L4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration, PrivateUrl, Secret};

/// Who says who is licensed (L4).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LicensingSettings {
    /// Where licences are.
    pub source: LicensingSource,
    /// Where your entitlement service is, for the source `http`: `https://`, or `http://` on this machine.
    pub url: Option<PrivateUrl>,
    /// What is shown to it as a bearer token. Not set: nothing.
    #[schemars(length(min = 1))]
    pub token: Option<Secret>,
    /// How long it may take to answer; what is asked is refused with 503 then.
    #[schemars(range(min = 0.1, max = 10))]
    pub timeout: Duration,
    /// How long its answer counts; 0 means that it is always asked.
    #[schemars(range(min = 0, max = 3_600))]
    pub cache: Duration,
}

/// Where licences are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicensingSource {
    /// In the store, where administrators grant them.
    #[default]
    Store,
    /// Nowhere: everybody is licensed.
    None,
    /// With an entitlement service of yours.
    Http,
}

impl LicensingSource {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::None => "none",
            Self::Http => "http",
        }
    }
}

impl Default for LicensingSettings {
    fn default() -> Self {
        Self {
            source: LicensingSource::default(),
            url: None,
            token: None,
            timeout: Duration::from_secs(2),
            cache: Duration::from_secs(60),
        }
    }
}

impl LicensingSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        let is_asked = self.source == LicensingSource::Http;
        let unasked = format!(
            "is set, and `licensing.source` is \"{}\", which asks no service: take \"http\", or leave this out",
            self.source.as_str()
        );
        if is_asked && self.url.is_none() {
            let message =
                "is not set, and `licensing.source` is \"http\": say where the entitlement service is";
            found.push(Conflict::new(&["licensing.url", "licensing.source"], message.to_owned()));
        }
        if !is_asked && self.url.is_some() {
            found.push(Conflict::new(&["licensing.url", "licensing.source"], unasked.clone()));
        }
        if !is_asked && self.token.is_some() {
            found.push(Conflict::new(&["licensing.token", "licensing.source"], unasked));
        }
        let is_visible = |token: &Secret| token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if self.token.as_ref().is_some_and(|token| !is_visible(token)) {
            let message = "must have visible ASCII characters only, as a bearer token has".to_owned();
            found.push(Conflict::new(&["licensing.token"], message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(source: LicensingSource, url: Option<&str>, token: Option<&str>) -> Vec<String> {
        let settings = LicensingSettings {
            source,
            url: url.map(|url| PrivateUrl::try_from(url.to_owned()).unwrap()),
            token: token.map(|token| Secret::from(token.to_owned())),
            ..LicensingSettings::default()
        };
        let mut found = Vec::new();
        settings.conflicts(&mut found);
        found.iter().map(|conflict| format!("{}: {}", conflict.keys[0], conflict.message)).collect()
    }

    /// L4: a service is named where one is asked, and only there; all that is wrong is told together.
    #[test]
    fn a_service_is_named_where_one_is_asked() {
        const URL: &str = "https://licences.example.org/v1";
        for source in [LicensingSource::Store, LicensingSource::None] {
            assert!(wrong(source, None, None).is_empty());
            let problems = wrong(source, Some(URL), Some("canary"));
            assert_eq!(problems.len(), 2, "{problems:?}");
            assert!(problems[0].starts_with("licensing.url: is set, and `licensing.source` is"));
            assert!(problems[1].starts_with("licensing.token: is set"));
        }
        assert!(wrong(LicensingSource::Http, Some(URL), None).is_empty());
        assert!(wrong(LicensingSource::Http, Some("http://localhost:9000/"), Some("token")).is_empty());
        let problems = wrong(LicensingSource::Http, None, Some("canary canary"));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("licensing.url: is not set"));
        assert!(problems[1].starts_with("licensing.token: must have visible"));
        assert!(!problems.concat().contains("canary"));
    }
}
