//! What a gateway may not be talked into (Z8): paths that two programs read differently, and questions that say two things.

use rstest::rstest;

use super::{ADA, ask, in_session, reasons, start};
use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
};

/// What would be let through if it were read as some proxy or service reads it.
const ATTACKS: &[(&str, &str)] = &[
    ("a segment up", "/notes/../notes/7"),
    ("a segment up at the end", "/notes/7/.."),
    ("to the same place", "/notes/./7"),
    ("encoded dots", "/notes/%2e%2e/7"),
    ("half encoded dots", "/notes/.%2E/7"),
    ("dots and blanks", "/notes/..%20/7"),
    ("three dots", "/notes/.../7"),
    ("a path parameter", "/notes/..;/7"),
    ("a path parameter in a name", "/notes/7;admin=1"),
    ("an encoded path parameter", "/notes/7%3Badmin"),
    ("an empty segment", "/notes//7"),
    ("an empty segment in front", "//notes/7"),
    ("an authority in front", "//evil.example/notes/7"),
    ("empty segments at the end", "/notes/7//"),
    ("an encoded slash", "/notes%2f7"),
    ("an encoded slash in a name", "/notes/7%2Fadmin"),
    ("an encoded backslash", "/notes/7%5cadmin"),
    ("a backslash", "/notes\\7"),
    ("backslashes up", "/notes/..\\..\\7"),
    ("encoded twice", "/notes/%252e%252e%252f7"),
    ("encoded thrice", "/notes/%25252f7"),
    ("a percent that completes another", "/notes/%25%32%66"),
    ("overlong dots", "/notes/%c0%ae%c0%ae/7"),
    ("an overlong slash", "/notes/7%c0%af"),
    ("not UTF-8", "/notes/%ff"),
    ("UTF-16", "/notes/%u002e%u002e/7"),
    ("half an encoding", "/notes/7%2"),
    ("no encoding", "/notes/%zz"),
    ("nothing", "/notes/%00"),
    ("nothing behind a name", "/notes/7%00.txt"),
    ("an end of line", "/notes/7%0d%0aX-Auth-Roles:%20staff"),
    ("another control character", "/notes/%7f"),
    ("a control character of Unicode", "/notes/%C2%85"),
    ("a fragment", "/notes/7#/../../closed"),
    ("a whole URI", "http://api.example.org/notes/7"),
    ("a relative path", "notes/7"),
    ("an asterisk", "*"),
    ("a query alone", "?/notes/7"),
    ("an encoded path", "%2Fnotes%2F7"),
    ("no path", ""),
];

/// Z8: a path that can be read in two ways is denied whoever asks, in both families of headers.
#[rstest]
#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_denied(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let longest = format!("/notes/{}", "a".repeat(8_192));
    let mut attacks: Vec<(&str, &str)> = ATTACKS.to_vec();
    attacks.push(("too long", &longest));
    for (what, uri) in attacks {
        let forwarded =
            app.get("/v1/forward-auth").header("x-forwarded-method", "GET").header("x-forwarded-uri", uri);
        for call in [ask(&app, "GET", uri), forwarded] {
            let answer = in_session(call, &ada).send().await;
            assert_eq!(answer.status, 403, "{what}: {uri}");
            answer.says_no(403, "not_let_through");
        }
        ask(&app, "GET", uri).send().await.says_no(403, "not_let_through");
    }
    assert_eq!(reasons(&app).await, ["unsafe_path"]);
}

/// Z8: what is encoded without need is the path that it stands for, and a query is no part of it.
#[rstest]
#[tokio::test]
async fn a_path_is_read_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    for uri in [
        "/notes/7?next=/../closed//%2f",
        "/notes/7?",
        "/%6eotes/%37",
        "/notes/a%20b",
        "/notes/%C3%A9",
        "/notes/a%3Fb",
        "/notes/100%25",
        "/notes/..a",
        "/files/a/b/c%2Bd",
    ] {
        let told = in_session(ask(&app, "GET", uri), &ada).send().await;
        assert_eq!(told.status, 200, "{uri}");
        told.told();
    }
    for uri in ["/%63losed", "/notes/lock%65d", "/notes/locked?x=/notes/7", "/closed?/notes/7"] {
        let refused = in_session(ask(&app, "GET", uri), &ada).send().await;
        refused.says_no(403, "not_let_through");
    }
}

/// Asks with these headers only, in a session that may read notes.
async fn asked(app: &TestApp, headers: &[(&str, &str)], token: &str, binding: &str) -> (u16, String, String) {
    let call = app.get("/v1/forward-auth").bearer(token).binding(binding);
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let answer = call.send().await;
    let header = answer.json["errors"][0]["header"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.slug().to_owned(), header)
}

/// Z8: a question that is missing something, says it twice or says two things is none, whatever its parts would open.
#[rstest]
#[tokio::test]
async fn a_question_says_one_thing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let (om, ou) = ("x-original-method", "x-original-uri");
    let (fm, fu) = ("x-forwarded-method", "x-forwarded-uri");
    let (note, closed) = ("/notes/7", "/closed");
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    for headers in [
        &[(om, "GET"), (ou, note)][..],
        &[(fm, "GET"), (fu, note)],
        &[(om, "GET"), (ou, note), (fm, "GET"), (fu, note)],
    ] {
        let answer = asked(&app, headers, &ada.token, &ada.binding).await;
        assert_eq!(answer.0, 200, "{headers:?}");
    }
    for (headers, header) in [
        (&[(om, "GET")][..], "X-Original-URI"),
        (&[], "X-Forwarded-Uri"),
        (&[(ou, note)], "X-Original-Method"),
        (&[(fm, "GET")], "X-Forwarded-Uri"),
        (&[(fu, note)], "X-Forwarded-Method"),
        (&[(om, "GET"), (fu, note)], "X-Original-URI"),
        (&[(om, "GET"), (ou, note), (fu, note)], "X-Forwarded-Method"),
        (&[(om, "GET"), (ou, note), (fm, "GET"), (fu, closed)], "X-Forwarded-Uri"),
        (&[(om, "GET"), (ou, closed), (fm, "GET"), (fu, note)], "X-Forwarded-Uri"),
        (&[(om, "GET"), (ou, note), (fm, "DELETE"), (fu, note)], "X-Forwarded-Uri"),
        (&[(om, "GET"), (ou, note), (ou, closed)], "X-Original-URI"),
        (&[(om, "GET"), (om, "GET"), (ou, note)], "X-Original-Method"),
        (&[(fm, "GET"), (fu, note), (fu, note)], "X-Forwarded-Uri"),
    ] {
        let answer = asked(&app, headers, &ada.token, &ada.binding).await;
        assert_eq!(answer, (403, "not_a_gateway".to_owned(), header.to_owned()), "{headers:?}");
    }
}
