//! People who use a service: they sign up like everybody, and read their codes in the mail folder.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::failure::{Failure, Outcome};
use crate::http::{Connection, credentials};
use crate::raw::{cores, on_threads};

/// Good enough for every rule.
pub(crate) const PASSWORD: &str = "seven lanterns over the harbour";
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody in a session.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Their address.
    pub(crate) address: String,
    /// Their session's access token.
    pub(crate) access_token: String,
    /// Its refresh token.
    pub(crate) refresh_token: String,
    /// Its client binding.
    pub(crate) binding: String,
}

/// Between the two steps of a sign-up.
struct Pending {
    address: String,
    token: String,
    binding: String,
}

/// Signs up this many, whose mail goes into this folder.
pub(crate) fn sign_up(service: SocketAddr, mail: &Path, count: usize) -> Outcome<Vec<Person>> {
    let addresses: Vec<String> = (0..count).map(|number| format!("person-{number}@example.org")).collect();
    let pending = in_parallel(service, &addresses, |connection, address| {
        let answer = connection.post("/v1/sign-up", "", &body(address, PASSWORD), 201)?;
        Ok(Pending {
            address: address.clone(),
            token: text(&answer, "access_token")?,
            binding: text(&answer, "binding")?,
        })
    })?;
    let codes = wait_for_codes(mail, &addresses)?;
    in_parallel(service, &pending, |connection, pending| {
        let code = codes.get(&pending.address).ok_or_else(|| Failure::missing("code"))?;
        let headers = credentials(&pending.token, &pending.binding);
        let answer = connection.post("/v1/sign-up/verify", &headers, &json!({"code": code}), 200)?;
        Ok(Person {
            address: pending.address.clone(),
            access_token: text(&answer, "access_token")?,
            refresh_token: text(&answer, "refresh_token")?,
            binding: pending.binding.clone(),
        })
    })
}

/// The body of a sign-up or a sign-in.
pub(crate) fn body(address: &str, password: &str) -> Json {
    json!({"identifier": {"type": "email", "value": address}, "password": password})
}

fn text(answer: &Json, name: &str) -> Outcome<String> {
    let found = answer.get(name).and_then(Json::as_str);
    Ok(found.ok_or_else(|| Failure(format!("the answer has no `{name}`")))?.to_owned())
}

/// Does something for each, on a few connections.
fn in_parallel<T: Sync, R: Send>(
    service: SocketAddr,
    items: &[T],
    work: impl Fn(&mut Connection, &T) -> Outcome<R> + Sync,
) -> Outcome<Vec<R>> {
    let share = items.len().div_ceil(cores() * 4).max(1);
    let done = on_threads(items.chunks(share), |part| {
        let mut connection = Connection::open(service)?;
        part.iter().map(|item| work(&mut connection, item)).collect::<Outcome<Vec<R>>>()
    })?;
    Ok(done.into_iter().flatten().collect())
}

/// The code to each of these addresses.
fn wait_for_codes(mail: &Path, addresses: &[String]) -> Outcome<HashMap<String, String>> {
    let started = Instant::now();
    loop {
        let codes = codes_in(mail)?;
        if addresses.iter().all(|address| codes.contains_key(address)) {
            return Ok(codes);
        }
        if started.elapsed() > PATIENCE {
            return Err(Failure("not every code came by mail".to_owned()));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn codes_in(mail: &Path) -> Outcome<HashMap<String, String>> {
    let mut codes = HashMap::new();
    let Ok(entries) = fs::read_dir(mail) else { return Ok(codes) };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            codes.extend(code_of(&fs::read_to_string(path)?));
        }
    }
    Ok(codes)
}

/// To whom a message is, and the code that stands in it on a line of its own.
fn code_of(message: &str) -> Option<(String, String)> {
    let to = message.lines().find_map(|line| line.strip_prefix("To: "))?;
    let address = to.trim().trim_start_matches('<').trim_end_matches('>');
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = message.lines().map(str::trim).find(is_code)?;
    Some((address.to_owned(), code.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_its_message() {
        let message = "From: a@example.org\r\nTo: ada@example.org\r\n\r\nYour code:\r\n\r\n    012345\r\n";
        assert_eq!(code_of(message), Some(("ada@example.org".to_owned(), "012345".to_owned())));
        assert_eq!(code_of("To: <ada@example.org>\r\n\r\nnothing 1234567\r\n"), None);
    }
}
