//! What a stage sets for its methods: metrics and throttling.

use serde::{Deserialize, Serialize};

use super::patch::PatchOperation;
use super::stage::no_log_role;
use super::{bad_request, unsupported};
use crate::sandbox::api::ApiError;

/// What a stage sets for one method, or for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodSettings {
    metrics_enabled: bool,
    logging_level: String,
    data_trace_enabled: bool,
    throttling_burst_limit: i64,
    throttling_rate_limit: f64,
    caching_enabled: bool,
    cache_ttl_in_seconds: i64,
    cache_data_encrypted: bool,
    require_authorization_for_cache_control: bool,
    unauthorized_cache_control_header_strategy: String,
}

impl Default for MethodSettings {
    fn default() -> Self {
        Self {
            metrics_enabled: false,
            logging_level: "OFF".into(),
            data_trace_enabled: false,
            throttling_burst_limit: 5000,
            throttling_rate_limit: 10_000.0,
            caching_enabled: false,
            cache_ttl_in_seconds: 300,
            cache_data_encrypted: false,
            require_authorization_for_cache_control: true,
            unauthorized_cache_control_header_strategy: "SUCCEED_WITH_RESPONSE_HEADER".into(),
        }
    }
}

impl MethodSettings {
    /// # Errors
    /// `BadRequestException`; `NotImplemented` for caches.
    pub fn set(&mut self, patch: &PatchOperation, group: &str, setting: &str) -> Result<(), ApiError> {
        let text = patch.replaces()?.text();
        let wrong = || bad_request(format!("Invalid value for {}: {text}", patch.path));
        match (group, setting) {
            ("metrics", "enabled") => self.metrics_enabled = patch.flag(),
            ("throttling", "burstLimit") => self.throttling_burst_limit = text.parse().map_err(|_| wrong())?,
            ("throttling", "rateLimit") => self.throttling_rate_limit = text.parse().map_err(|_| wrong())?,
            ("logging", "loglevel") => match text.as_str() {
                "OFF" => self.logging_level = text,
                "ERROR" | "INFO" => return Err(no_log_role()),
                _ => return Err(wrong()),
            },
            ("logging", "dataTrace") => self.data_trace_enabled = patch.flag(),
            ("caching", _) => return Err(unsupported(&format!("patches of {}", patch.path))),
            _ => return Err(bad_request(format!("Invalid method setting path: {}", patch.path))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;

    #[test]
    fn settings_of_a_method_begin_with_those_of_the_account() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let updated = world.patch_stage(&api, "replace", "/*/*/throttling/burstLimit", "123").unwrap();
        let shown = json!({
            "metricsEnabled": false,
            "loggingLevel": "OFF",
            "dataTraceEnabled": false,
            "throttlingBurstLimit": 123,
            "throttlingRateLimit": 10_000.0,
            "cachingEnabled": false,
            "cacheTtlInSeconds": 300,
            "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        });
        assert_eq!(updated["methodSettings"], json!({"*/*": shown}));
        let gone = world.patch_stage(&api, "remove", "/*/*", "").unwrap();
        assert_eq!(gone["methodSettings"], json!({}));
    }

    #[test]
    fn a_method_is_named_by_its_escaped_path() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let path = "/~1presign~1{user}/GET/metrics/enabled";
        let updated = world.patch_stage(&api, "replace", path, "true").unwrap();
        assert_eq!(updated["methodSettings"]["presign/{user}/GET"]["metricsEnabled"], true);
    }

    #[test]
    fn logs_need_a_role_that_the_account_lacks() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let refusal = world.patch_stage(&api, "replace", "/*/*/logging/loglevel", "INFO").unwrap_err();
        assert!(refusal.message.starts_with("CloudWatch Logs role ARN must be set"), "{refusal}");
        world.patch_stage(&api, "replace", "/*/*/logging/loglevel", "OFF").unwrap();
    }

    #[test]
    fn wrong_settings_are_refused() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        for (path, value, code) in [
            ("/*/*/throttling/burstLimit", "many", "BadRequestException"),
            ("/*/*/logging/loglevel", "ALL", "BadRequestException"),
            ("/*/*/colour/enabled", "true", "BadRequestException"),
            ("/*/*/caching/enabled", "true", "NotImplemented"),
        ] {
            assert_eq!(world.patch_stage(&api, "replace", path, value).unwrap_err().code, code, "{path}");
        }
    }
}
