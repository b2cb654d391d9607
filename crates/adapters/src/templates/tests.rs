//! What people read, and what an operator who changes it is told.

use std::{fs, path::Path};

use super::{load::samples, *};

const GLOBALS: TemplateGlobals<'_> =
    TemplateGlobals { service_name: "Symbolon", public_url: "https://id.example.com" };

fn embedded() -> TemplateSet {
    TemplateSet::load(None, "en", GLOBALS).unwrap()
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

/// M4: a message's text part carries its code and no other run of digits that could be taken for one.
#[test]
fn the_code_is_the_only_long_number() {
    for kind in MessageKind::ALL {
        let samples = samples(kind);
        let rendered = embedded().render(kind, &samples).unwrap();
        let expected: Vec<&str> = samples.get("code").map(String::as_str).into_iter().collect();
        assert_eq!(long_numbers(&rendered.text), expected, "{}", kind.as_str());
        assert!(long_numbers(&rendered.subject).is_empty(), "{}", kind.as_str());
        for value in samples.values() {
            assert!(rendered.text.contains(value) && rendered.html.contains(value), "{}", kind.as_str());
        }
    }
}

/// C29: the only address in a message is the configured one, and there is nothing to click on.
#[test]
fn messages_name_only_the_configured_address() {
    for kind in MessageKind::ALL {
        let rendered = embedded().render(kind, &samples(kind)).unwrap();
        for text in [&rendered.text, &shown(&rendered.html)] {
            assert_eq!(text.matches("://").count(), 1, "{text}");
            assert!(text.contains("https://id.example.com"), "{text}");
            assert!(!text.contains("<a") && !text.to_lowercase().contains("click"), "{text}");
        }
    }
}

#[test]
fn text_and_html_say_the_same() {
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    for kind in MessageKind::ALL {
        let rendered = embedded().render(kind, &samples(kind)).unwrap();
        let html = shown(&rendered.html);
        let (_, body) = html.split_once("<body").unwrap();
        let mut seen = String::new();
        for piece in body.split('<').skip(1) {
            seen.push_str(piece.split_once('>').unwrap().1);
            seen.push(' ');
        }
        assert_eq!(words(&seen), words(&rendered.text), "{}", kind.as_str());
    }
}

#[test]
fn subjects_are_one_short_line() {
    for kind in MessageKind::ALL {
        let subject = embedded().render(kind, &samples(kind)).unwrap().subject;
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
    ]);
    assert_eq!(
        problems(directory.path(), "en"),
        [
            "en/sign_up_code.subject.txt: must be one line",
            "en/layout.html:2: undefined value",
            "en/sign_in_code.subject.txt: says nothing",
            "en/sign_in_code.txt: does not show the code: write {{ code }}",
            "en/layout.html:2: undefined value",
            "en/account_exists.txt:2: undefined value",
            "en/layout.html:2: undefined value",
            "en/layout.html:2: undefined value",
        ]
    );
}

#[test]
fn a_language_that_is_not_embedded_needs_every_file_but_the_layout() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(problems(directory.path(), "de").len(), 13, "the directory and twelve files");
    fs::create_dir(directory.path().join("de")).unwrap();
    for kind in MessageKind::ALL {
        for part in Part::ALL {
            let code = if samples(kind).contains_key("code") { "{{ code }}" } else { "" };
            let text = format!("Grüße {code}");
            fs::write(directory.path().join("de").join(part.file_name(kind)), text).unwrap();
        }
    }
    assert!(TemplateSet::load(Some(directory.path()), "de", GLOBALS).is_ok());
    fs::remove_file(directory.path().join("de").join("account_exists.txt")).unwrap();
    assert_eq!(
        problems(directory.path(), "de"),
        ["de/account_exists.txt: is missing, and there is no embedded one in this language"]
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
