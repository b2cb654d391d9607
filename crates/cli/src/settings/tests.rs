//! Loading as an operator meets it: the layers' order, all mistakes at once, no secret repeated, and the file of
//! defaults.

use std::path::{Path, PathBuf};

use super::*;

mod reference;

/// A configuration file in a directory of its own, with an environment and flags beside it.
struct Scene {
    directory: tempfile::TempDir,
    options: LoadOptions,
}

impl Scene {
    fn new(file: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("symbolon.toml");
        std::fs::write(&path, file).unwrap();
        Self { directory, options: LoadOptions { default_file: Some(path), ..LoadOptions::default() } }
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.options.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn listen_flag(mut self, value: &str) -> Self {
        self.options.overrides.push(Override {
            key: "http.listen",
            value: value.to_owned(),
            flag: "--listen",
        });
        self
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("symbolon.toml")
    }

    fn loaded(&self) -> Loaded {
        Settings::load(&self.options).unwrap()
    }

    fn problems(&self) -> Vec<Problem> {
        Settings::load(&self.options).unwrap_err()
    }

    /// The problems as they are printed, the file's path shortened.
    fn printed(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        self.problems().iter().map(|problem| problem.to_string().replace(&directory, "")).collect()
    }

    #[track_caller]
    fn refuses(&self, expected: &[&str]) {
        assert_eq!(self.printed(), expected);
    }
}

fn as_json(settings: &Settings) -> serde_json::Value {
    serde_json::to_value(settings).unwrap()
}

#[test]
fn nothing_configured_is_fine() {
    let loaded = Settings::load(&LoadOptions {
        default_file: Some("no/such/file.toml".into()),
        ..LoadOptions::default()
    })
    .unwrap();
    assert_eq!(as_json(&loaded.settings), as_json(&Settings::default()));
    assert_eq!(loaded.origin("http.listen"), Origin::Default);
}

/// G5: defaults < file < environment < flags.
#[test]
fn flags_beat_the_environment_beats_the_file_beats_the_defaults() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\nkeep_alive = 30\n[passwords]\nhash_queue = 7";
    let scene = Scene::new(file)
        .environment("SYMBOLON_HTTP__LISTEN", "127.0.0.1:2")
        .environment("SYMBOLON_PASSWORDS__HASH_QUEUE", "8");
    let scene = scene.listen_flag("127.0.0.1:3");
    let loaded = scene.loaded();
    assert_eq!(loaded.settings.http.listen.port(), 3);
    assert_eq!(loaded.origin("http.listen"), Origin::Flag("--listen".to_owned()));
    assert_eq!(loaded.settings.passwords.hash_queue, 8);
    assert_eq!(
        loaded.origin("passwords.hash_queue"),
        Origin::Environment("SYMBOLON_PASSWORDS__HASH_QUEUE".to_owned())
    );
    assert_eq!(loaded.settings.http.keep_alive, Duration::from_secs(30));
    assert_eq!(loaded.origin("http.keep_alive"), Origin::File(scene.file()));
    assert_eq!(loaded.settings.http.header_timeout, Duration::from_secs(5));
    assert_eq!(loaded.origin("http.header_timeout"), Origin::Default);
}

/// G5: `config check` prints every error at once, with its key and where it came from.
#[test]
fn three_mistakes_at_once_are_reported_together() {
    let file = "[http]\nlisten = \"nowhere\"\n[passwords]\nmemory_kib = \"much\"\nminimun_length = 9";
    Scene::new(file).refuses(&[
        "http.listen: invalid socket address syntax (file symbolon.toml)",
        "passwords.memory_kib: must be a whole number from 19456 to 1048576, but is \"much\" (file symbolon.toml)",
        "passwords.minimun_length: is not a setting; did you mean `passwords.minimum_length`? (file symbolon.toml)",
    ]);
}

/// G5: mistakes of every origin are in one list.
#[test]
fn mistakes_of_file_environment_and_flags_are_reported_together() {
    let scene = Scene::new(
        "[sessions]\ngrace = \"2m\"\nbinding = \"sometimes\"\n[http]\ntrusted_proxies = [\"::1\", \"all\"]",
    )
    .environment("SYMBOLON_RATE_LIMITS__VERIFY", "0")
    .environment("SYMBOLON_HTTP_LISTEN", "127.0.0.1:1")
    .listen_flag("8080");
    scene.refuses(&[
        "http.listen: invalid socket address syntax (flag --listen)",
        "http.trusted_proxies: item 1: `all` is neither an IP address nor a network such as 10.0.0.0/8 (file symbolon.toml)",
        "http_listen: is not a setting; did you mean `SYMBOLON_HTTP__LISTEN`? (environment variable SYMBOLON_HTTP_LISTEN)",
        "rate_limits.verify: must be a whole number from 1 to 1000000, but is 0 (environment variable SYMBOLON_RATE_LIMITS__VERIFY)",
        "sessions.binding: must be one of \"required\", \"off\", but is \"sometimes\" (file symbolon.toml)",
        "sessions.grace: must be a duration such as \"15m\", or a whole number of seconds, from 0s to 1m, but is \"2m\" (file symbolon.toml)",
    ]);
}

#[test]
fn a_misspelt_or_misplaced_key_is_answered_with_the_one_meant() {
    Scene::new("[passwords]\nfoo = 1").refuses(&["passwords.foo: is not a setting (file symbolon.toml)"]);
    Scene::new("shutdown_timeout = 5\nfrobnicate = 1\n[htpp]\nlisten = \"127.0.0.1:1\"").refuses(&[
        "frobnicate: is not a setting (file symbolon.toml)",
        "htpp: is not a setting; did you mean `http`? (file symbolon.toml)",
        "shutdown_timeout: is not a setting; did you mean `http.shutdown_timeout`? (file symbolon.toml)",
    ]);
}

/// G5: inside a list, too, what is wrong is named, and what is right is told in words that settings have.
#[test]
fn what_is_wrong_in_an_item_of_a_list_is_named() {
    let issuer = |setting: &str| format!("[[trusted_issuers]]\nissuer = \"https://a.example\"\n{setting}\n");
    let route = "[[authorizer.routes]]\nname = \"a\"\nmethods = \"GET\"\npath = \"/\"";
    Scene::new(&(issuer("audience = [\"x\"]") + route)).refuses(&[
        "authorizer.routes: item 0: `methods` is not a setting; did you mean `method`? (file symbolon.toml)",
        "trusted_issuers: item 0: `audience` is not a setting; did you mean `audiences`? (file symbolon.toml)",
    ]);
    let printed = Scene::new(&issuer("color = 1")).printed().concat();
    assert!(printed.contains("item 0: `color` is not a setting; these are: issuer, "), "{printed}");
    Scene::new(&issuer("audiences = \"x\""))
        .refuses(&["trusted_issuers: item 0: `audiences` must be a list (file symbolon.toml)"]);
}

#[test]
fn a_value_in_a_sections_place_and_a_table_in_a_values_place_are_refused() {
    Scene::new("http = 5\n[store.url]\nscheme = \"sqlite\"").refuses(&[
        "http: is a section, so its settings must be given one by one (file symbolon.toml)",
        "store.url: must be a text, but is a table (file symbolon.toml)",
    ]);
}

#[test]
fn contradictions_are_reported_unless_a_side_is_wrong_anyway() {
    let file = "[sessions]\nidle = \"10d\"\nabsolute = \"9d\"\n[management]\nlisten = \"127.0.0.1:8080\"";
    Scene::new(file).refuses(&[
        "management.listen: is 127.0.0.1:8080, as `http.listen` is: health and metrics need a listener of their own (file symbolon.toml)",
        "sessions.idle: is 10d, longer than `sessions.absolute` (9d) (file symbolon.toml)",
    ]);
    assert_eq!(Scene::new("[sessions]\nidle = \"10d\"\nabsolute = \"9x\"").problems().len(), 1);
}

/// G5: an environment variable of ours that matches no key is a mistake, not a wish unheard.
#[test]
fn only_test_variables_and_master_keys_may_be_in_the_environment_beside_settings() {
    let scene = Scene::new("[secrets]\nmaster_keys = [{ env = \"SYMBOLON_MASTER_KEY\" }]")
        .environment("SYMBOLON_MASTER_KEY", "AAAA")
        .environment("SYMBOLON_TEST_DATABASE", "anything")
        .environment("PATH", "/bin");
    assert_eq!(
        scene.loaded().settings.secrets.master_keys,
        [MasterKeySource::Env("SYMBOLON_MASTER_KEY".to_owned())]
    );
    let scene = Scene::new("").environment("SYMBOLON_MASTER_KEY", "AAAA-canary");
    let printed = scene.printed().concat();
    assert!(printed.starts_with("master_key: is not a setting") && !printed.contains("canary"), "{printed}");
}

#[test]
fn environment_variables_carry_every_kind_of_value() {
    let scene = Scene::new("")
        .environment("SYMBOLON_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
        .environment("SYMBOLON_HTTP__CORS__ALLOWED_ORIGINS", "[\"https://a.example\",\"https://b.example\"]")
        .environment("SYMBOLON_SECRETS__MASTER_KEYS", "[{file=\"a.key\"},{env=\"KEY\"}]")
        .environment("SYMBOLON_SESSIONS__IDLE", "86400")
        .environment("SYMBOLON_SESSIONS__GRACE", "0")
        .environment("SYMBOLON_LOG__PII_SALT", "12345678901234567890")
        .environment("SYMBOLON_SIGNING_KEYS__ALGORITHM", "EdDSA");
    let settings = scene.loaded().settings;
    assert_eq!(settings.http.trusted_proxies.len(), 2);
    assert_eq!(settings.http.cors.allowed_origins.len(), 2);
    assert_eq!(
        settings.secrets.master_keys,
        [MasterKeySource::File("a.key".into()), MasterKeySource::Env("KEY".to_owned())]
    );
    assert_eq!(settings.sessions.idle, Duration::from_secs(86_400));
    assert_eq!(settings.sessions.grace, Duration::from_secs(0));
    assert_eq!(settings.log.pii_salt.unwrap().expose(), "12345678901234567890");
    assert_eq!(settings.signing_keys.algorithm, SigningAlgorithm::EdDsa);
}

#[test]
fn what_nobody_placed_lives_in_the_data_directory() {
    let settings =
        Scene::new("data_dir = \"/srv/symbolon\"\n[messages.email]\ndirectory = \"post\"").loaded().settings;
    assert_eq!(settings.store.url, StoreUrl::Sqlite { path: "/srv/symbolon/symbolon.db".into() });
    assert_eq!(settings.secrets.master_keys, [MasterKeySource::File("/srv/symbolon/master.key".into())]);
    assert_eq!(settings.messages.email.directory, Path::new("post"));
    Scene::new("data_dir = \"\"")
        .refuses(&["data_dir: must be a text that is not empty, but is \"\" (file symbolon.toml)"]);
}

#[test]
fn a_file_that_was_named_must_be_there_and_the_rest_is_checked_all_the_same() {
    let options = LoadOptions {
        named_file: Some("no/such/file.toml".into()),
        environment: vec![("SYMBOLON_HTTP__BODY_LIMIT".to_owned(), "5".to_owned())],
        ..LoadOptions::default()
    };
    let problems = Settings::load(&options).unwrap_err();
    assert_eq!(problems[0].origin, Origin::File("no/such/file.toml".into()));
    assert!(problems[0].message.starts_with("cannot be read"), "{problems:?}");
    assert_eq!(problems[1].key, "http.body_limit");
}

/// X13: a broken file is told by its place, without the line, which may hold a secret.
#[test]
fn a_syntax_error_names_line_and_column_only() {
    let scene = Scene::new("[log]\nlevel = \"info\"\npii_salt = \"canary-canary-canary");
    let printed = scene.printed().concat();
    assert!(printed.starts_with("is not TOML, line 3, column "), "{printed}");
    assert!(!printed.contains("canary"), "{printed}");
}

/// X13, C63: a secret is never repeated, be it right, too short, of the wrong type or in the wrong place.
#[test]
fn secrets_are_in_no_problem_and_not_shown() {
    let right = Scene::new("[log]\npii_salt = \"canary-canary-canary\"").loaded();
    let shown = right.shown();
    let salt = shown.iter().find(|setting| setting.key == "log.pii_salt").unwrap();
    assert_eq!(salt.value, REDACTED);
    assert!(!format!("{shown:?}{right:?}").contains("canary"));
    #[cfg(feature = "postgres")]
    {
        let right = Scene::new("[store]\nurl = \"postgres://symbolon:canary@db/symbolon\"").loaded();
        let shown = right.shown();
        let url = shown.iter().find(|setting| setting.key == "store.url").unwrap();
        assert!(url.value.to_string().contains("@db/symbolon"), "{}", url.value);
        assert!(!format!("{shown:?}{right:?}").contains("canary"));
    }
    for wrong in [
        "[log]\npii_salt = \"canary\"",
        "[log]\npii_salt = [\"canary-canary-canary\"]",
        "[log]\npii_salt = { canary-canary-canary = \"canary-canary-canary\" }",
        "[log]\npii_slat = \"canary-canary-canary\"",
        "[secrets]\nmaster_keys = [\"canary-canary-canary\"]",
        "[secrets]\nmaster_keys = \"canary-canary-canary\"",
        "[secrets]\nmaster_keys = [{ canary-canary-canary = \"x\" }]",
        "[secrets]\nmaster_keys = [{ file = [\"canary-canary-canary\"] }]",
        "[store]\nurl = \"postgres://symbolon:canary@db:99999/symbolon\"",
        "[messages.email.smtp]\npassword = [\"canary-canary-canary\"]",
        "[messages.email.smtp]\npasswort = \"canary-canary-canary\"",
        "[licensing]\ntoken = [\"canary-canary-canary\"]",
        "[licensing]\ntoken = \"canary-canary-canary\"",
    ] {
        let printed = Scene::new(wrong).printed();
        assert_eq!(printed.len(), 1, "{printed:?}");
        assert!(!printed[0].contains("canary"), "{printed:?}");
    }
    Scene::new("[secrets]\nmaster_keys = [\"canary\"]")
        .refuses(&["secrets.master_keys: item 0: must be given as one of: file, env (file symbolon.toml)"]);
    Scene::new("[log]\npii_salt = 7777777")
        .refuses(&["log.pii_salt: must be a text of 16 to 64 bytes (file symbolon.toml)"]);
}

/// M5: SES sends from no address that nobody has chosen.
#[test]
fn ses_needs_a_sender_of_ones_own() {
    let ses = "[messages.email]\ncarrier = \"ses\"\n";
    let printed = Scene::new(ses).printed().concat();
    assert!(printed.contains("messages.email.from: is Symbolon <symbolon@localhost>"), "{printed}");
    if cfg!(feature = "ses") {
        Scene::new(&format!("{ses}from = \"a@example.com\"")).loaded();
    } else {
        assert!(printed.contains("Cargo feature `ses`"), "{printed}");
    }
}

/// M5: a mail server is named, is spoken to in clear only on this machine, and gets both a name and a password or neither.
#[cfg(feature = "smtp")]
#[test]
fn a_mail_server_is_reached_over_tls_or_is_this_machine() {
    let smtp = |lines: &str| {
        let head = "[messages.email]\ncarrier = \"smtp\"\nfrom = \"a@example.com\"\n[messages.email.smtp]\n";
        Scene::new(&format!("{head}{lines}"))
    };
    smtp("host = \"mail.example.com\"").loaded();
    smtp("host = \"mail.example.com\"\ntls = \"implicit\"\nusername = \"a\"\npassword = \"b\"").loaded();
    for local in ["localhost", "127.0.0.1", "::1"] {
        smtp(&format!("host = \"{local}\"\ntls = \"none\"")).loaded();
    }
    smtp("tls = \"none\"\npassword = \"canary\"").refuses(&[
        "messages.email.smtp.host: is not set, and `messages.email.carrier` is \"smtp\": name the mail server (file symbolon.toml)",
        "messages.email.smtp.username: is not set, and `messages.email.smtp.password` is: set both or none (file symbolon.toml)",
    ]);
    smtp("host = \"10.0.0.1\"\ntls = \"none\"\nusername = \"a\"").refuses(&[
        "messages.email.smtp.password: is not set, and `messages.email.smtp.username` is: set both or none (file symbolon.toml)",
        "messages.email.smtp.tls: is \"none\", and `messages.email.smtp.host` (10.0.0.1) is another machine: codes would \
         travel in clear; take \"starttls\" or \"implicit\" (file symbolon.toml)",
    ]);
    smtp("host = \"mail.example.com:587\"\nport = 0\ntls = \"opportunistic\"").refuses(&[
        "messages.email.smtp.host: must be a host name or an IP address, without a port (file symbolon.toml)",
        "messages.email.smtp.port: must be a whole number from 1 to 65535, but is 0 (file symbolon.toml)",
        "messages.email.smtp.tls: must be one of \"starttls\", \"implicit\", \"none\", but is \"opportunistic\" (file \
         symbolon.toml)",
    ]);
}

/// M1: no other worker takes a message that a mail server takes long over.
#[cfg(feature = "smtp")]
#[test]
fn a_lease_is_longer_than_an_attempt_by_smtp() {
    let lease = |seconds: u32| {
        Scene::new(&format!(
            "[messages]\nlease = {seconds}\n[messages.email]\ncarrier = \"smtp\"\n[messages.email.smtp]\n\
             host = \"localhost\"\ntls = \"none\""
        ))
    };
    lease(40).loaded();
    let printed = lease(39).printed().concat();
    assert!(printed.starts_with("messages.lease: is 39s, less than the 40s"), "{printed}");
}

/// C1, C2, C6, C7, C10, C11, C61: no configuration goes below what security.md asks.
#[test]
fn nothing_weaker_than_the_security_minima_is_accepted() {
    for (key, bound, weaker) in [
        ("passwords.minimum_length", "8", "7"),
        ("passwords.memory_kib", "19456", "19455"),
        ("passwords.iterations", "2", "1"),
        ("passwords.parallelism", "1", "0"),
        ("sign_in.lock_after", "100", "101"),
        ("one_time_codes.lifetime", "600s", "601s"),
        ("one_time_codes.attempts", "5", "6"),
        ("device_tokens.claim_window", "600s", "601s"),
        ("http.shutdown_timeout", "25s", "26s"),
        ("rate_limits.sign_in", "1", "0"),
        ("rate_limits.recovery", "1", "0"),
        ("sessions.fresh_for", "3600s", "3601s"),
        ("sessions.fresh_for", "60s", "59s"),
    ] {
        let variable = sources::variable(key);
        Scene::new("").environment(&variable, bound).loaded();
        let problems = Scene::new("").environment(&variable, weaker).problems();
        assert_eq!(
            problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
            [key],
            "{problems:?}"
        );
        assert!(problems.iter().all(|problem| problem.message.contains("from")), "{problems:?}");
    }
}

#[test]
fn numbers_outside_their_type_are_refused() {
    for wrong in ["-1", "4294967296", "1.5", "99999999999999999999999999999999999999999"] {
        let scene = Scene::new("").environment("SYMBOLON_PASSWORDS__HASH_QUEUE", wrong);
        assert_eq!(scene.problems().len(), 1, "{wrong}");
    }
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let shown = Scene::new("[http]\nkeep_alive = 90").loaded().shown();
    assert_eq!(shown.len(), Catalogue::of_settings().paths().count());
    let keep_alive = shown.iter().find(|setting| setting.key == "http.keep_alive").unwrap();
    assert_eq!(keep_alive.value, "90s");
    assert!(keep_alive.origin.starts_with("file /"), "{keep_alive:?}");
    let lease = shown.iter().find(|setting| setting.key == "messages.lease").unwrap();
    assert_eq!((lease.value.as_str(), lease.origin.as_str()), (Some("1m"), "default"));
}
