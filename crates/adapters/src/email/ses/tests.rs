//! SES's answers, one by one, from a server that says what it is told to.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::email::mime::testing::{email, sender};

/// Answers every request with this status and body.
async fn server(status: u16, body: &str) -> (SesCarrier, Arc<Mutex<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let seen = Arc::new(Mutex::new(String::new()));
    let request = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 64 * 1024];
            let length = stream.read(&mut bytes).await.unwrap();
            request.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (carrier(&endpoint).await, seen)
}

/// With credentials of its own, for a test changes no environment.
async fn carrier(endpoint: &str) -> SesCarrier {
    let options = SesOptions { region: Some("eu-central-1".to_owned()), endpoint: Some(endpoint.to_owned()) };
    let SesCarrier { client, sender, .. } = SesCarrier::new(&options, sender()).await.unwrap();
    let credentials = aws_sdk_ses::config::Credentials::new("AKIDTEST", "canary-key", None, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    let config = client.config().to_builder().credentials_provider(credentials.clone()).build();
    SesCarrier { client: Client::from_conf(config), credentials: Some(credentials), sender }
}

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
}

const ACCEPTED: &str = "<SendRawEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">\
    <SendRawEmailResult><MessageId>1</MessageId></SendRawEmailResult></SendRawEmailResponse>";

async fn sent(status: u16, body: &str) -> Result<(), CarrierError> {
    server(status, body).await.0.send(&email("ada@example.org")).await
}

/// M3: what SES refuses for the message's own sake is given up; the reason is its code, without the address.
#[tokio::test]
async fn a_refusal_of_the_message_is_permanent() {
    let said = "Email address is not verified. These failed: ada@example.org";
    for code in REFUSALS {
        let error = sent(400, &refusal(code, said)).await.unwrap_err();
        assert!(
            matches!(&error, CarrierError::Permanent(reason) if *reason == format!("ses:{code}")),
            "{error}"
        );
    }
}

/// M2, M3: what the operator or time can mend is tried again.
#[tokio::test]
async fn an_outage_of_the_account_or_of_ses_is_transient() {
    for (status, code, said) in [
        (400, "Throttling", "Maximum sending rate exceeded."),
        (400, "Throttling", "Daily message quota exceeded."),
        (400, "AccountSendingPausedException", "paused"),
        (400, "ConfigurationSetDoesNotExist", "no such set"),
        (400, "ConfigurationSetSendingPausedException", "paused"),
        (400, "MessageRejected", "Sending suspended for this account."),
        (403, "AccessDenied", "no"),
        (403, "AccessDeniedException", "no"),
        (403, "SignatureDoesNotMatch", "no"),
        (403, "InvalidClientTokenId", "no"),
        (403, "ExpiredToken", "no"),
        (403, "OptInRequired", "no"),
        (400, "RequestExpired", "no"),
        (500, "InternalFailure", "no"),
        (503, "ServiceUnavailable", "no"),
        (400, "SomethingNew", "no"),
    ] {
        let error = sent(status, &refusal(code, said)).await.unwrap_err();
        assert!(
            matches!(&error, CarrierError::Transient(reason) if *reason == format!("ses:{code}")),
            "{error}"
        );
    }
}

/// M3, M6: an answer that is not SES's is no acceptance, and nothing of it is repeated.
#[tokio::test]
async fn an_answer_that_is_not_ses_s_is_transient() {
    for (status, body) in [
        (200, "<html>Welcome, ada@example.org</html>"),
        (200, ""),
        (502, "<html>Bad gateway</html>"),
        (404, "not here"),
        (400, "<ErrorResponse><Error><Code>ada@example.org</Code></Error></ErrorResponse>"),
    ] {
        let error = sent(status, body).await.unwrap_err();
        let expected = format!("ses:status_{status}");
        assert!(matches!(&error, CarrierError::Transient(reason) if *reason == expected), "{body}: {error}");
    }
}

/// M3: any accepting answer is success, be it cut off or without an id.
#[tokio::test]
async fn an_accepting_answer_is_success() {
    for body in [ACCEPTED, "<SendRawEmailResponse/>", &ACCEPTED[..120]] {
        sent(200, body).await.unwrap();
    }
}

/// M5: the recipient and the sender stand in the envelope too, and the message goes as it is.
#[tokio::test]
async fn the_envelope_names_sender_and_recipient() {
    let (carrier, seen) = server(200, ACCEPTED).await;
    carrier.send(&email("ada@example.org")).await.unwrap();
    let request = seen.lock().unwrap().clone();
    for expected in [
        "Action=SendRawEmail",
        "Source=symbolon%40example.com",
        "Destinations.member.1=ada%40example.org",
        "RawMessage.Data=",
        "Credential=AKIDTEST/",
        "/eu-central-1/ses/aws4_request",
    ] {
        assert!(request.contains(expected), "{expected} in:\n{request}");
    }
    assert!(!request.contains("canary-key"));
}

/// M2: a server that is not there, or hangs up, is tried again later.
#[tokio::test]
async fn an_unreachable_server_is_transient() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = carrier(&endpoint).await.send(&email("ada@example.org")).await.unwrap_err();
    assert!(matches!(&error, CarrierError::Transient(reason) if reason == "ses:unreachable"), "{error}");
}

/// G8: the doctor hears whether the sender, or a domain above it, is verified.
#[tokio::test]
async fn the_state_of_the_sender_is_told() {
    let attributes = |identity: &str, state: &str| {
        format!(
            "<GetIdentityVerificationAttributesResponse><GetIdentityVerificationAttributesResult>\
             <VerificationAttributes><entry><key>{identity}</key><value><VerificationStatus>{state}\
             </VerificationStatus></value></entry></VerificationAttributes>\
             </GetIdentityVerificationAttributesResult></GetIdentityVerificationAttributesResponse>"
        )
    };
    for (status, body, expected) in [
        (200, attributes("example.com", "Success"), Ok(SenderState::Verified)),
        (200, attributes("example.com", "Pending"), Ok(SenderState::NotVerified)),
        (403, refusal("AccessDenied", "no"), Ok(SenderState::NotTold)),
        (403, refusal("SignatureDoesNotMatch", "no"), Err("ses:SignatureDoesNotMatch".into())),
    ] {
        assert_eq!(server(status, &body).await.0.sender_state().await, expected);
    }
    assert_eq!(sender().identities(), ["symbolon@example.com", "example.com"]);
}
