//! `[telemetry]`: traces, and the collector that gets them by OTLP (G3). Without an endpoint there are none.

use std::{fmt, path::PathBuf};

use opentelemetry_http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_adapters::loopback::is_loopback;

use super::{Conflict, Secret};

/// Traces for a collector.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// What the service is called in the traces.
    #[schemars(length(min = 1, max = 128))]
    pub service_name: String,
    /// Which part of the traces that begin here is kept: 1 all, 0.01 one in a hundred, 0 none. A trace that a trusted
    /// proxy has begun is kept if the proxy keeps it.
    #[schemars(range(min = 0, max = 1))]
    pub sample_ratio: f64,
    /// The collector.
    pub otlp: OtlpSettings,
}

/// A collector that takes OTLP by HTTP.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// Its base URL; `/v1/traces` is added. Not set: there are no traces.
    pub endpoint: Option<OtlpEndpoint>,
    /// Headers that it wants, such as a key of access: `name=value`, with commas between several.
    #[schemars(length(min = 1))]
    pub headers: Option<Secret>,
    /// A file of such headers, one `name=value` a line, that is not open to everybody. They are sent beside `headers`.
    #[schemars(length(min = 1))]
    pub headers_file: Option<PathBuf>,
}

/// The base URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct OtlpEndpoint(String);

/// A text that is no URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `https://host` or `http://host`, with port and path if need be, and with no query, user or fragment"
)]
pub struct InvalidOtlpEndpoint;

impl OtlpEndpoint {
    /// Where traces go.
    #[must_use]
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0)
    }

    /// May what is said to it be read on the way?
    fn is_in_clear(&self) -> bool {
        let request = Request::builder().uri(&self.0).body(()).ok();
        let host = request.and_then(|request| request.uri().host().map(str::to_owned)).unwrap_or_default();
        self.0.starts_with("http://") && !is_loopback(&host)
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<OtlpEndpoint> for String {
    fn from(endpoint: OtlpEndpoint) -> Self {
        endpoint.0
    }
}

impl TryFrom<String> for OtlpEndpoint {
    type Error = InvalidOtlpEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let request = Request::builder().uri(&text).body(()).map_err(|_| InvalidOtlpEndpoint)?;
        let uri = request.uri();
        let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if has_scheme && has_host && uri.query().is_none() && !text.contains(['@', '#']) {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(InvalidOtlpEndpoint)
        }
    }
}

impl OtlpSettings {
    /// The headers of a text: `name=value`, with commas or line ends between several. None where it is not that.
    #[must_use]
    pub fn headers_of(text: &str) -> Option<Vec<(String, String)>> {
        let pairs = text.split([',', '\n']).map(str::trim).filter(|pair| !pair.is_empty());
        let headers = pairs.map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            // Whatever a header may not be, the builder refuses.
            let request = Request::builder().header(name, value).body(()).ok()?;
            (request.headers().len() == 1 && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        });
        headers.collect::<Option<Vec<_>>>().filter(|headers| !headers.is_empty())
    }
}

impl TelemetrySettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        let OtlpSettings { endpoint, headers, headers_file } = &self.otlp;
        if headers.as_ref().is_some_and(|headers| OtlpSettings::headers_of(headers.expose()).is_none()) {
            let message = "must be `name=value`, with commas between several".to_owned();
            found.push(Conflict::new(&["telemetry.otlp.headers"], message));
        }
        if let Some(endpoint) = endpoint.as_ref().filter(|endpoint| endpoint.is_in_clear())
            && (headers.is_some() || headers_file.is_some())
        {
            let message = format!(
                "is {endpoint}, another machine: the secrets of `telemetry.otlp.headers` would travel in clear; take \
                 https://"
            );
            found.push(Conflict::new(&["telemetry.otlp.endpoint", "telemetry.otlp.headers"], message));
        }
    }
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { service_name: "symbolon".to_owned(), sample_ratio: 1.0, otlp: OtlpSettings::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_base_url_without_secrets() {
        for (text, traces) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://collector.example.com/otlp/", "https://collector.example.com/otlp/v1/traces"),
        ] {
            assert_eq!(OtlpEndpoint::try_from(text.to_owned()).unwrap().traces(), traces);
        }
        for text in ["", "localhost:4318", "grpc://host", "http://", "http://u:p@host", "http://host/?key=1"]
        {
            assert_eq!(OtlpEndpoint::try_from(text.to_owned()), Err(InvalidOtlpEndpoint), "{text}");
        }
    }

    #[test]
    fn headers_are_pairs() {
        let pairs = OtlpSettings::headers_of("authorization=Basic YQ==, x-team=a\n").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("authorization", "Basic YQ=="), pair("x-team", "a")]);
        for text in ["", "a", "a=", "=b", "a b=c", "a=\u{7f}"] {
            assert_eq!(OtlpSettings::headers_of(text), None, "{text}");
        }
    }

    /// Secrets go in clear to this very machine only.
    #[test]
    fn headers_need_an_encrypted_way() {
        let conflicts = |endpoint: &str| {
            let otlp = OtlpSettings {
                endpoint: Some(OtlpEndpoint::try_from(endpoint.to_owned()).unwrap()),
                headers: Some(Secret::from("a=b".to_owned())),
                headers_file: None,
            };
            let mut found = Vec::new();
            TelemetrySettings { otlp, ..TelemetrySettings::default() }.conflicts(&mut found);
            found.len()
        };
        for (endpoint, expected) in [
            ("http://localhost:4318", 0),
            ("http://127.0.0.1:4318", 0),
            ("http://[::1]:4318", 0),
            ("https://collector.example.com", 0),
            ("http://collector.example.com", 1),
            ("http://localhost.example.com", 1),
        ] {
            assert_eq!(conflicts(endpoint), expected, "{endpoint}");
        }
    }
}
