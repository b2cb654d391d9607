//! `[management]`: the listener for health and metrics, apart from the public one.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The listener for liveness, readiness and metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManagementSettings {
    /// Address and port of the management listener; port 0 takes a free one. Nothing on it is authenticated: keep it
    /// off the public network.
    pub listen: SocketAddr,
}

impl Default for ManagementSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)) }
    }
}
