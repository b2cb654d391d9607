//! G-4, the other two: may this request pass a gateway, and is a device token good? Beside the same floor as sessions.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::session_checks::{Same, claims_of};
use crate::failure::{Failure, Outcome};
use crate::http::{Answer, Connection, credentials, write_request};
use crate::load::{CONNECTIONS, Contender, Measured, Talk, compare};
use crate::options::Options;
use crate::people::{self, Person};
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::{Home, Service};

const SECONDS: u64 = 4;
const DEVICE: &str = "bench-device-0001";
const PATIENCE: Duration = Duration::from_secs(30);

const CONFIGURATION: &str = r#"
[licensing]
source = "none"
[authorizer]
policies = "policies"
[[authorizer.routes]]
name = "dataset"
method = "GET"
path = "/v1/datasets/{id}"
"#;
const POLICY: &str = r#"
@id("people-read-datasets")
permit (principal, action == Action::"GET", resource == Route::"dataset")
when { principal.kind == "session" };
"#;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let home = Home::on_sqlite()?;
    fs::write(home.directory().join("symbolon.toml"), CONFIGURATION)?;
    fs::create_dir(home.directory().join("policies"))?;
    fs::write(home.directory().join("policies/bench.cedar"), POLICY)?;
    let service = home.start()?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
    let tokens: Vec<String> = people.iter().map(|person| person.access_token.clone()).collect();
    let floor = Running::start(Floor::Verify, &tokens)?;
    let mut of_floor = Contender::new(floor.address, people.iter().map(Same::new).collect());

    let mut gateway = Contender::new(service.address, people.iter().map(Passing::new).collect());
    let passing = compare(options, SECONDS, &mut gateway, &mut of_floor).await?;
    let token = device_token(&home, &service, people.first().ok_or_else(|| Failure::missing("person"))?)?;
    let mut devices =
        Contender::new(service.address, people.iter().map(|_| Same::of(question(&token))).collect());
    let of_devices = compare(options, SECONDS, &mut devices, &mut of_floor).await?;
    Ok(vec![
        row("forward-auth, session token, one policy", passing, Goal::Ratio(0.6)),
        // It reads the store each time, as an API key does that is not remembered (G-2).
        row("device-tokens/verify", of_devices, Goal::Ratio(0.5)),
    ])
}

fn row(work: &'static str, (ours, floor): (Measured, Measured), goal: Goal) -> Row {
    Row {
        id: "G-4",
        work,
        figure: ours.rate,
        unit: Unit::PerSecond,
        detail: ours.detail(),
        reference: Some(Reference { name: "verify floor", figure: floor.rate, detail: floor.detail() }),
        goal,
    }
}

/// What a proxy asks for somebody's request.
struct Passing(Vec<u8>);

impl Passing {
    fn new(person: &Person) -> Self {
        let mut headers = credentials(&person.access_token, &person.binding);
        headers.push_str("X-Original-Method: GET\r\nX-Original-URI: /v1/datasets/17?page=2\r\n");
        let mut request = Vec::new();
        write_request(&mut request, "GET", "/v1/forward-auth", &headers, b"");
        Self(request)
    }
}

impl Talk for Passing {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.0);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        answer.expect(200).map(|_| ())
    }
}

/// The question about a device token.
fn question(token: &str) -> Vec<u8> {
    let mut request = Vec::new();
    let body = json!({"token": token, "device_id": DEVICE}).to_string();
    write_request(&mut request, "POST", "/v1/device-tokens/verify", "", body.as_bytes());
    request
}

/// A device token of this person's, with the code from the mail folder.
fn device_token(home: &Home, service: &Service, person: &Person) -> Outcome<String> {
    let mut connection = Connection::open(service.address)?;
    let headers = credentials(&person.access_token, &person.binding);
    let claims = claims_of(person)?;
    let asked = json!({"device_id": DEVICE, "user_id": claims.get("sub")});
    let asked = connection.post("/v1/token-requests", &headers, &asked, 201)?;
    let id = asked.get("id").and_then(Json::as_str).ok_or_else(|| Failure::missing("id"))?;
    let body = json!({"device_id": DEVICE, "claim_code": claim_code(home)?}).to_string();
    let mut request = Vec::new();
    write_request(&mut request, "PATCH", &format!("/v1/token-requests/{id}"), &headers, body.as_bytes());
    let answer = connection.exchange(&request)?;
    let claimed: Json = serde_json::from_slice(answer.expect(200)?)?;
    let token = claimed.get("token").and_then(Json::as_str).ok_or_else(|| Failure::missing("token"))?;
    Ok(token.to_owned())
}

/// The only seven digits that stand on a line by themselves in any message.
fn claim_code(home: &Home) -> Outcome<String> {
    let started = Instant::now();
    let is_code = |line: &&str| line.len() == 7 && line.bytes().all(|byte| byte.is_ascii_digit());
    while started.elapsed() < PATIENCE {
        for entry in fs::read_dir(home.mail())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                let message = fs::read_to_string(path)?;
                if let Some(code) = message.lines().map(str::trim).find(is_code) {
                    return Ok(code.to_owned());
                }
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
    Err(Failure("no claim code came by mail".to_owned()))
}
