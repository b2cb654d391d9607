//! What names a store and what does not; that no password is ever repeated.

use super::*;

fn parse(text: &str) -> Result<StoreUrl, InvalidStoreUrl> {
    StoreUrl::try_from(text.to_owned())
}

fn postgres(text: &str) -> PostgresUrl {
    match parse(text) {
        Ok(StoreUrl::Postgres(url)) => url,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_sqlite_url_names_a_file() {
    for (text, path) in [
        ("sqlite:data/s.db", "data/s.db"),
        ("sqlite:/srv/s.db", "/srv/s.db"),
        ("sqlite:///srv/s.db", "/srv/s.db"),
    ] {
        assert_eq!(parse(text), Ok(StoreUrl::Sqlite { path: path.into() }));
    }
    assert_eq!(parse("sqlite:"), Err(InvalidStoreUrl::NoFile));
    assert_eq!(parse("sqlite::memory:"), Err(InvalidStoreUrl::InMemory));
}

#[test]
fn another_scheme_is_refused_without_its_password() {
    let unknown = parse("mysql://root:hunter2@db").unwrap_err().to_string();
    assert_eq!(unknown, "must begin with the scheme of a store: `sqlite:`, `postgres://` or `dynamodb://`");
}

/// G5, X13: host and database are shown, the password is not, wherever it stands.
#[test]
fn a_postgres_url_is_shown_without_its_password() {
    for (text, shown) in [
        ("postgres://u:canary@db.example/s", "postgres://u:redacted@db.example/s"),
        ("postgresql://u:can%40ary@[::1]:5433/s", "postgresql://u:redacted@[::1]:5433/s"),
        ("postgres://u@db/s?sslmode=require", "postgres://u@db/s?sslmode=require"),
        ("postgres://db/s?user=u&password=canary", "postgres://db/s?user=u&password=redacted"),
        ("postgres://db/s?options=canary", "postgres://db/s?options=redacted"),
        ("postgres:///s?host=/run/postgresql&user=u", "postgres:///s?host=/run/postgresql&user=u"),
        ("postgres://u:canary@%2Frun%2Fpostgresql/s", "postgres://u:redacted@%2Frun%2Fpostgresql/s"),
        ("postgres://u:@db?dbname=s", "postgres://u:redacted@db/?dbname=s"),
    ] {
        let url = parse(text).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(serde_json::to_value(&url).unwrap(), shown);
        assert!(!format!("{url:?}").contains("canary"));
        assert_eq!(postgres(text).expose(), text);
    }
}

/// G5, X13: what is wrong is named, and nothing of a password with unescaped characters.
#[test]
fn a_wrong_postgres_url_is_refused_without_its_password() {
    for text in [
        "postgres:",
        "postgres:canary",
        "postgres://u:canary@/s",
        "postgres://u:canary@db",
        "postgres://u:canary@db/",
        "postgres://u:canary@db:x/s",
        "postgres://u:canary@db:0/s",
        "postgres://u:can@ary@db/s",
        "postgres://u:1/canary@db/s",
        "postgres://u:1?canary@db/s",
        "postgres://u:1?canary=@db/s",
        "postgres://u:1#canary@db/s",
        "postgres://u:100%-canary@db/s",
        "postgres://u:canary@db/s?sslmode=canary",
        "postgres://u:canary@db/s?password=100%-canary",
        "postgres://u:canary@db/s?CANARY-canary=1",
        "postgres://u:canary@db/s?port=canary",
        "postgres://u:canary@db/s?hostaddr=canary",
        "postgres://u:canary@db/s?canary",
        "postgres://u canary@db/s",
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(!error.to_lowercase().contains("canary"), "{text}: {error}");
    }
    let unknown = parse("postgres://db/s?ssl_mode=require").unwrap_err().to_string();
    assert!(unknown.contains("`ssl_mode`") && unknown.contains("sslmode"), "{unknown}");
}

#[test]
fn a_postgres_url_says_whether_it_leaves_the_machine_unencrypted() {
    for (text, local, encryption) in [
        ("postgres://db/s", false, Encryption::Unsaid),
        ("postgres://db/s?sslmode=prefer", false, Encryption::Optional),
        ("postgres://db/s?sslmode=require", false, Encryption::Unverified),
        ("postgres://db/s?sslmode=verify-full", false, Encryption::Verified),
        ("postgres://127.0.0.1:5432/s", true, Encryption::Unsaid),
        ("postgres://[::1]/s", true, Encryption::Unsaid),
        ("postgres://localhost/s", true, Encryption::Unsaid),
        ("postgres:///s?host=/tmp", true, Encryption::Unsaid),
        ("postgres://localhost/s?host=db", false, Encryption::Unsaid),
        ("postgres://u@%2Ftmp/s", true, Encryption::Unsaid),
    ] {
        let url = postgres(text);
        assert_eq!((url.is_local(), url.encryption()), (local, encryption), "{text}");
    }
}

#[test]
fn a_dynamodb_url_names_a_table() {
    for (text, shown) in [
        ("dynamodb://symbolon", "dynamodb://symbolon"),
        ("dynamodb://a.b-C_9?region=eu-central-1", "dynamodb://a.b-C_9?region=eu-central-1"),
        (
            "dynamodb://symbolon?endpoint=http%3A%2F%2F127.0.0.1%3A8000&region=local",
            "dynamodb://symbolon?region=local&endpoint=http://127.0.0.1:8000",
        ),
        (
            "dynamodb://symbolon?endpoint=http://localhost:8000/",
            "dynamodb://symbolon?endpoint=http://localhost:8000",
        ),
    ] {
        let url = parse(text).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(parse(shown).unwrap(), url, "what is shown reads back");
    }
    for (text, error) in [
        ("dynamodb:symbolon", InvalidDynamoTable::Form),
        ("dynamodb://", InvalidDynamoTable::Table),
        ("dynamodb://ab", InvalidDynamoTable::Table),
        ("dynamodb://symbolon/prod", InvalidDynamoTable::Table),
        ("dynamodb://key:secret@symbolon", InvalidDynamoTable::Table),
        ("dynamodb://symbolon?region=Frankfurt", InvalidDynamoTable::Region),
        ("dynamodb://symbolon?endpoint=localhost:8000", InvalidDynamoTable::Endpoint),
        ("dynamodb://symbolon?endpoint=http://k:s@localhost", InvalidDynamoTable::Endpoint),
        ("dynamodb://symbolon?tabel=x", InvalidDynamoTable::Form),
    ] {
        assert_eq!(parse(text), Err(InvalidStoreUrl::DynamoDb(error)), "{text}");
    }
}

/// G5: a store that exists and that this build lacks is told with the feature that has it.
#[test]
fn a_store_that_this_build_lacks_is_told_with_its_feature() {
    for (feature, is_in) in COMPILED_IN {
        let url = match feature {
            "sqlite" => "sqlite:s.db",
            "postgres" => "postgres://u:canary@db/s",
            _ => "dynamodb://symbolon",
        };
        let settings = StoreSettings { url: parse(url).unwrap(), ..StoreSettings::default() };
        let mut found = Vec::new();
        settings.conflicts(&mut found);
        assert_eq!(found.is_empty(), is_in, "{feature}");
        for conflict in found {
            assert!(conflict.message.contains(&format!("Cargo feature `{feature}`")), "{}", conflict.message);
            assert!(!conflict.message.contains("canary"));
        }
    }
}
