//! What people read, and what an operator who changes it is told.

use std::{fs, path::Path};

use super::{
    load::{samples, unlinked},
    *,
};

const GLOBALS: TemplateGlobals<'_> =
    TemplateGlobals { service_name: "Symbolon", public_url: "https://id.example.com" };

/// The languages that come with the program.
const LANGUAGES: [&str; 2] = ["en", "de"];

fn embedded() -> TemplateSet {
    embedded_in("en")
}

fn embedded_in(language: &str) -> TemplateSet {
    TemplateSet::load(None, language, GLOBALS).unwrap()
}

/// Every message in every language, filled with sample values.
fn every_message() -> impl Iterator<Item = (String, MessageKind, RenderedText)> {
    LANGUAGES.into_iter().flat_map(|language| {
        MessageKind::ALL.into_iter().map(move |kind| {
            let set = embedded_in(language);
            let (content, language) = set.preview(kind).unwrap();
            (format!("{}.{language}", kind.as_str()), kind, content)
        })
    })
}

/// A directory with these files in `en/`.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("en")).unwrap();
    for (name, text) in files {
        fs::write(directory.path().join("en").join(name), text).unwrap();
    }
    directory
}

fn problems(directory: &Path, language: &str) -> Vec<String> {
    let strip =
        |problem: &TemplateProblem| problem.to_string().replace(&format!("{}/", directory.display()), "");
    TemplateSet::load(Some(directory), language, GLOBALS).unwrap_err().iter().map(strip).collect()
}

/// What a mail program makes of HTML: escapes undone.
fn shown(html: &str) -> String {
    html.replace("&#x2f;", "/")
}

/// Runs of digits with at least as many as a code.
fn long_numbers(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 6).collect()
}

/// M4: every message as people read it.
#[test]
fn every_message_reads_as_it_was_written() {
    let mut names = Vec::new();
    for (name, _, content) in every_message() {
        let RenderedText { subject, text, html } = content;
        insta::assert_snapshot!(name.clone(), format!("{subject}\n\n{text}\n\n{html}"));
        names.push(name);
    }
    names.dedup();
    assert_eq!(
        names.len(),
        MessageKind::ALL.len() * LANGUAGES.len(),
        "no language stands in for another: {names:?}"
    );
}

/// M4: a message's text part carries its code and no other run of digits that could be taken for one.
#[test]
fn the_code_is_the_only_long_number() {
    for (name, kind, content) in every_message() {
        let samples = samples(kind);
        let expected: Vec<&str> = samples.get("code").map(String::as_str).into_iter().collect();
        assert_eq!(long_numbers(&content.text), expected, "{name}");
        assert!(long_numbers(&content.subject).is_empty(), "{name}");
        for (variable, value) in &samples {
            let html = shown(&content.html);
            // What a device calls itself may have digits in it that could be taken for a code (D5).
            let expected = variable != "device";
            assert_eq!((content.text.contains(value), html.contains(value)), (expected, expected), "{name}");
            assert!(expected || content.subject.contains(value), "{name}");
        }
    }
}

/// S12, A5: where there is no page to link to, the token stands by itself.
#[test]
fn without_a_page_there_is_the_token_and_no_link() {
    for language in LANGUAGES {
        let set = embedded_in(language);
        for kind in MessageKind::ALL.into_iter().filter(|kind| samples(*kind).contains_key("link")) {
            let variables = unlinked(samples(kind));
            let content = set.render(kind, &variables).unwrap();
            for text in [&content.text, &content.html] {
                assert_eq!(text.matches(&variables["token"]).count(), 1, "{text}");
                assert!(!text.contains("#token=") && !text.contains("<a"), "{text}");
            }
            assert!(content.text.lines().all(|line| line.chars().count() <= 76), "{}", content.text);
        }
    }
}

/// C29: the only address in a message is the configured one, and there is nothing to click on but the link of a message that is about one.
#[test]
fn messages_name_only_the_configured_address() {
    for (_, kind, content) in every_message() {
        let has_link = samples(kind).contains_key("link");
        for (text, links) in [(&content.text, 1), (&shown(&content.html), 2)] {
            let addresses = if has_link { 1 + links } else { 1 };
            assert_eq!(text.matches("://").count(), addresses, "{text}");
            assert_eq!(text.matches("https://id.example.com").count(), addresses, "{text}");
            assert_eq!(text.contains("<a"), has_link && links == 2, "{text}");
            assert!(!text.to_lowercase().contains("click"), "{text}");
        }
    }
}

/// M4: nothing is fetched when a message is opened, and nothing runs; without pictures and style sheets it is whole.
#[test]
fn a_message_fetches_and_runs_nothing() {
    for (name, kind, content) in every_message() {
        let mut html = content.html.to_lowercase();
        if let Some(link) = samples(kind).get("link") {
            let link = format!("href=\"{}\"", link.to_lowercase().replace('/', "&#x2f;"));
            assert!(html.contains(&link), "{name}");
            html = html.replace(&link, "");
        }
        for part in ["src=", "href=", "url(", "@import", "<script", "<img", "<link", "<style", "<iframe"] {
            assert!(!html.contains(part), "{part} in {name}");
        }
        let tags = html.split('<').map(|tag| tag.split('>').next().unwrap());
        assert!(tags.into_iter().all(|tag| !tag.contains(" on")), "a handler in {name}");
        let language = name.rsplit_once('.').unwrap().1;
        assert!(html.contains(&format!("<html lang=\"{language}\">")), "{name}");
    }
}

#[test]
fn text_and_html_say_the_same() {
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    for (name, _, content) in every_message() {
        let html = shown(&content.html);
        let (_, body) = html.split_once("<body").unwrap();
        let mut seen = String::new();
        for piece in body.split('<').skip(1) {
            seen.push_str(piece.split_once('>').unwrap().1);
            seen.push(' ');
        }
        assert_eq!(words(&seen), words(&content.text), "{name}");
        assert!(content.text.lines().all(|line| line.chars().count() <= 76), "{name}");
    }
}

#[test]
fn subjects_are_one_short_line() {
    for (_, _, content) in every_message() {
        let subject = content.subject;
        assert!(!subject.is_empty() && subject.len() < 78 && !subject.contains('\n'), "{subject}");
        assert!(subject.contains("Symbolon"), "{subject}");
    }
}

/// M4: an operator's file takes the place of one embedded file; the others stay.
#[test]
fn files_are_replaced_one_by_one() {
    let directory = directory(&[("sign_in_code.txt", "Tada: {{ code }} for {{ service_name }}\n")]);
    let set = TemplateSet::load(Some(directory.path()), "en", GLOBALS).unwrap();
    let rendered = set.render(MessageKind::SignInCode, &samples(MessageKind::SignInCode)).unwrap();
    assert_eq!(rendered.text, "Tada: 123456 for Symbolon");
    let default = embedded().render(MessageKind::SignInCode, &samples(MessageKind::SignInCode)).unwrap();
    assert!(rendered.html == default.html && rendered.subject == default.subject);
}

/// M4: HTML is escaped, text is as it is.
#[test]
fn html_is_escaped() {
    let name = TemplateGlobals { service_name: "Tom & <Jerry>", ..GLOBALS };
    let set = TemplateSet::load(None, "en", name).unwrap();
    let code = BTreeMap::from([("code".to_owned(), "<script>".to_owned())]);
    let rendered = set.render(MessageKind::SignInCode, &code).unwrap();
    assert!(rendered.html.contains("&lt;script&gt;") && !rendered.html.contains("<script>"));
    assert!(rendered.html.contains("Tom &amp; &lt;Jerry&gt;"));
    assert!(rendered.text.contains("<script>") && rendered.subject.contains("Tom & <Jerry>"));
}

/// M4: every broken template is reported at once, with its file and line.
#[test]
fn broken_templates_are_reported_together() {
    let directory = directory(&[
        ("sign_up_code.txt", "Hello\n\n{{ code }\n"),
        ("sign_in_code.html", "{% if %}"),
        ("sign_in.txt", "nobody asks for this"),
        (".draft.txt", "{{"),
        ("README.md", "{{"),
    ]);
    let problems = problems(directory.path(), "en");
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("en/sign_in.txt: is no template; there are layout.html, sign_up_code"));
    assert!(problems[1].starts_with("en/sign_up_code.txt:3: syntax error"), "{}", problems[1]);
    assert!(problems[2].starts_with("en/sign_in_code.html:1: syntax error"), "{}", problems[2]);
}

/// M4: what only shows when a template is filled is found at the start too.
#[test]
fn templates_are_tried_with_sample_values() {
    let directory = directory(&[
        ("layout.html", "<p>\n{{ nmae }}\n</p>"),
        ("sign_up_code.subject.txt", "two\nlines"),
        ("sign_in_code.subject.txt", "\n"),
        ("sign_in_code.txt", "a text without it"),
        ("account_exists.txt", "\n{{ code }}"),
        ("recovery_link.txt", "a text without it"),
    ]);
    // The layout is a part of every message.
    let layout = "en/layout.html:2: undefined value";
    let problems = problems(directory.path(), "en");
    assert_eq!(problems.iter().filter(|problem| *problem == layout).count(), MessageKind::ALL.len());
    let others: Vec<&String> = problems.iter().filter(|problem| *problem != layout).collect();
    assert_eq!(
        others,
        [
            "en/sign_up_code.subject.txt: must be one line",
            "en/sign_in_code.subject.txt: says nothing",
            "en/sign_in_code.txt: does not show the code: write {{ code }}",
            "en/account_exists.txt:2: undefined value",
            "en/recovery_link.txt: does not show the token: write {{ token }}",
        ]
    );
}

/// M4: a message that there is nothing of in a language is in the language without its region, or in English, whole.
#[test]
fn another_language_takes_the_place_of_a_missing_one() {
    let same = |one: &TemplateSet, other: &TemplateSet| {
        MessageKind::ALL.into_iter().all(|kind| one.preview(kind).unwrap() == other.preview(kind).unwrap())
    };
    assert!(same(&embedded_in("de-AT"), &embedded_in("de")));
    assert!(same(&embedded_in("fr"), &embedded_in("en")));
    assert!(!same(&embedded_in("de"), &embedded_in("en")));

    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("fr")).unwrap();
    for part in ["subject.txt", "txt", "html"] {
        let file = directory.path().join("fr").join(format!("sign_in_code.{part}"));
        fs::write(file, "Code {{ code }} ({{ language }})").unwrap();
    }
    let set = TemplateSet::load(Some(directory.path()), "fr-CA", GLOBALS).unwrap();
    let (content, language) = set.preview(MessageKind::SignInCode).unwrap();
    assert_eq!((content.text.as_str(), language), ("Code 123456 (fr)", "fr"));
    let (content, language) = set.preview(MessageKind::SignUpCode).unwrap();
    assert_eq!(language, "en");
    assert!(content.html.contains("<html lang=\"en\">"));
}

/// M4: half a message is a mistake, and so is a directory for no language that is asked for.
#[test]
fn a_language_has_all_of_a_message_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let found = problems(directory.path(), "fr");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("fr: cannot be read"), "{found:?}");
    fs::create_dir(directory.path().join("fr")).unwrap();
    fs::write(directory.path().join("fr/account_exists.txt"), "Bonjour").unwrap();
    fs::write(directory.path().join("fr/account.txt"), "Bonjour").unwrap();
    let missing = "is missing, and there is no embedded one in this language";
    let found = problems(directory.path(), "fr");
    assert!(found[0].starts_with("fr/account.txt: is no template"), "{found:?}");
    assert_eq!(
        found[1..],
        [format!("fr/account_exists.subject.txt: {missing}"), format!("fr/account_exists.html: {missing}")]
    );
}

/// M6: a failure names the template and the line, not the value.
#[test]
fn a_failure_shows_no_value() {
    let set = embedded();
    let error = set.render(MessageKind::SignInCode, &BTreeMap::new()).err().unwrap();
    assert_eq!(error.to_string(), "the template sign_in_code.txt cannot be rendered");
    assert_eq!(error.source.to_string(), "undefined value in line 6");
    let canary = BTreeMap::from([("cdoe".to_owned(), "canary".to_owned())]);
    let error = set.render(MessageKind::SignInCode, &canary).err().unwrap();
    assert!(!format!("{error:?} {}", error.source).contains("canary"));
}

/// C65: nothing in a subject can begin another header.
#[test]
fn a_subject_cannot_begin_another_header() {
    let name = TemplateGlobals { service_name: "Symbolon\r\nBcc: eve@example.org", ..GLOBALS };
    let problems = TemplateSet::load(None, "en", name).unwrap_err();
    assert_eq!(problems[0].to_string(), "embedded en/sign_up_code.subject.txt: must be one line");
    assert_eq!(one_line(" one\r\ntwo\n"), "one  two");
}
