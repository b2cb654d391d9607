//! Amazon SES on this machine: moto, which shows what it got.

use mail_parser::MessageParser;
use serde_json::Value as Json;

use super::{call::client, code_in, engines::told};

/// A sender that moto has verified. Each test has one of its own.
pub(crate) async fn verified(sender: &str) -> String {
    let sender = format!("{sender}@symbolon.example");
    let signature = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/ses/aws4_request, \
                     SignedHeaders=host, Signature=0";
    let answer = client()
        .post(told("SYMBOLON_TEST_AWS"))
        .header("authorization", signature)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("Action=VerifyEmailIdentity&EmailAddress={}", sender.replace('@', "%40")))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
    sender
}

/// What moto got from this sender, oldest first.
pub(crate) async fn sent_by(sender: &str) -> Vec<String> {
    let url = format!("{}/moto-api/data.json", told("SYMBOLON_TEST_AWS"));
    let data: Json = client().get(url).send().await.unwrap().json().await.unwrap();
    let messages = data["ses"]["RawMessage"].as_array().cloned().unwrap_or_default();
    let ours = messages.iter().filter(|message| message["source"] == sender);
    ours.map(|message| message["raw_data"].as_str().unwrap().to_owned()).collect()
}

/// The code in a message as moto shows it.
pub(crate) fn code_of(raw: &str) -> String {
    code_in(&MessageParser::default().parse(raw).unwrap().body_text(0).unwrap())
}

/// The text of a message to this address as moto shows it; none if it is to another one.
pub(crate) fn text_to(address: &str, raw: &str) -> Option<String> {
    let message = MessageParser::default().parse(raw)?;
    let to = message.to()?.first()?.address()?.to_owned();
    (to == address).then(|| message.body_text(0).map(|text| text.into_owned()))?
}
