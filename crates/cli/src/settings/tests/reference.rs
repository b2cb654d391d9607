//! What documents the configuration agrees with it: the file of defaults, and the JSON schema.

use std::collections::BTreeSet;

use super::*;

const DEFAULT_FILE: &str = include_str!("../../../../../config/default.toml");

#[test]
fn the_file_of_defaults_is_the_defaults() {
    let loaded = Scene::new(DEFAULT_FILE).loaded();
    assert_eq!(as_json(&loaded.settings), as_json(&Settings::default()));
}

#[test]
fn the_file_of_defaults_has_every_key_and_every_key_in_it_works() {
    let uncommented: Vec<&str> = DEFAULT_FILE
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).unwrap_or(line)
        })
        .collect();
    // With all of them set the listener speaks TLS, and then its address does too; and there is a service of licences to ask.
    let text = uncommented.join("\n").replace("\"http://localhost:8080\"", "\"https://localhost:8080\"");
    let text = text.replace("source = \"store\"", "source = \"http\"");
    let loaded = Scene::new(&text).loaded();
    let given: BTreeSet<&str> = loaded
        .origins
        .iter()
        .filter(|(_, origin)| **origin != Origin::Default)
        .map(|(key, _)| key.as_str())
        .collect();
    let catalogue = Catalogue::of_settings();
    assert_eq!(given, catalogue.paths().collect::<BTreeSet<_>>());
    let Settings { messages, passwords, log, .. } = loaded.settings;
    assert!(messages.templates.is_some() && passwords.blocklist.is_some() && log.pii_salt.is_some());
}

#[test]
fn every_key_has_a_description_and_every_number_and_duration_a_range() {
    fn visit(path: &str, schema: &serde_json::Value) {
        if let Some(properties) = schema.get("properties").and_then(serde_json::Value::as_object) {
            assert_eq!(schema["additionalProperties"], false, "{path}");
            return properties.iter().for_each(|(name, property)| visit(&format!("{path}.{name}"), property));
        }
        assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {schema}");
        assert!(schema.get("default").is_some(), "{path}: {schema}");
        let kind = schema["type"].to_string();
        if kind.contains("integer") || kind.contains("number") {
            assert!(schema["minimum"].is_number() && schema["maximum"].is_number(), "{path}: {schema}");
        }
    }
    visit("", Settings::json_schema().as_value());
}
