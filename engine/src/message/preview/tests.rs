use proptest::prelude::*;

use super::*;
use crate::limits::PREVIEW_CHARS_MAX;

/// The preview of any message, with what holds for all of them.
fn of(message: &[u8]) -> String {
    let text = preview(message, &Structure::of(message));
    assert!(text.chars().count() <= PREVIEW_CHARS_MAX);
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), text);
    text
}

fn of_plain(text: &str) -> String {
    of(["Content-Type: text/plain; charset=utf-8\r\n\r\n", text].concat().as_bytes())
}

fn of_html(html: &str) -> String {
    of(["Content-Type: text/html; charset=utf-8\r\n\r\n", html].concat().as_bytes())
}

#[test]
fn plain_text_is_put_on_one_line() {
    for (text, words) in [
        ("Hello\r\n\r\n  there,\tworld \r\n", "Hello there, world"),
        ("日本語の\r\n本文\u{3000}です", "日本語の 本文 です"),
        ("a\0b\u{7}c\u{1b}[1m", "a b c [1m"),
        ("zero\u{200b}width\u{feff} \u{202e}x \u{200c} \u{200c}y", "zerowidth x y"),
        ("👨\u{200d}👩", "👨\u{200d}👩"),
        ("Title\n=====\n* * *\ntext", "Title text"),
        (":-)", ":-)"),
        ("", ""),
        ("\r\n \u{a0}\r\n", ""),
    ] {
        assert_eq!(of_plain(text), words, "{text:?}");
    }
}

#[test]
fn quotations_and_signatures_are_left_out_where_there_is_more() {
    for (text, words) in [
        ("> question\n\nanswer\n-- \nAnn\n", "answer"),
        ("On Monday, Bob wrote:\n> question\nanswer", "answer"),
        ("On Monday, Bob\n<bob@x> wrote:\n\n> question\n>> more\nanswer", "answer"),
        ("One.\n\nTwo:\n> quoted\nThree.", "One. Three."),
        ("1\n2\n3\nBob wrote:\n> quoted\n4", "1 2 3 4"),
        ("answer\n\nOn Monday, Bob wrote:\n> question", "answer"),
        ("Bob wrote:\n> question\n> more", "Bob wrote: question more"),
        ("-- \nAnn", "-- Ann"),
        ("a -- b\n--no signature", "a -- b --no signature"),
    ] {
        assert_eq!(of_plain(text), words, "{text:?}");
    }
}

#[test]
fn html_gives_its_text() {
    for (html, words) in [
        ("<p>Hello <b>wor</b>ld</p><p>again</p>", "Hello world again"),
        ("<html><head><title>no</title><STYLE>p > a {}</Style ></head><body>yes", "yes"),
        ("a<br>b<br/>c<!-- no > no -->d<script>if (1 < 2) no()</script>e", "a b cd e"),
        ("<!DOCTYPE html><?xml ?><img alt=\"a > b\" src='x>y'>text", "text"),
        ("a &amp; b &lt;c&gt; &eacute;&#233;&#xE9; &#146;&nbsp;&hellip;", "a & b <c> ééé ’ …"),
        ("&nope; & &; &#0; &#xd800; &#99999999999; &", "&nope; & &; &#xd800; &#99999999999; &"),
        ("1 < 2 <- 3 <3", "1 < 2 <- 3 <3"),
        ("<div>On Monday, Bob wrote:<br></div><blockquote>no<div>no</blockquote>answer", "answer"),
        ("<blockquote>indented", "indented"),
        ("<p title=\"never closed>text</p><p>more</p>", "text more"),
        ("<p it's>text", "text"),
        ("hidden &zwnj;&nbsp;&zwnj;&nbsp;&#8203;&shy; text", "hidden text"),
        ("text<style>never closed", "text"),
        ("text<!-- never closed", "text"),
        ("text<a href=never", "text"),
        ("</blockquote></>text", "text"),
    ] {
        assert_eq!(of_html(html), words, "{html:?}");
    }
}

#[test]
fn the_first_text_is_found_in_any_tree() {
    let part = |kind: &str, text: &str| format!("--x\r\nContent-Type: {kind}\r\n\r\n{text}\r\n");
    let plain = part("text/plain", "plain");
    let html = part("text/html", "<p>html");
    let attached = part("text/plain\r\nContent-Disposition: Attachment; filename=x", "attached");
    let nested = part("message/rfc822", "Subject: s\r\n\r\nnested");
    for (subtype, parts, words) in [
        ("alternative", [&html, &plain], "plain"),
        ("alternative", [&plain, &html], "plain"),
        ("alternative", [&part("text/plain", " \r\n"), &html], "html"),
        ("alternative", [&part("text/calendar", "BEGIN"), &html], "html"),
        ("mixed", [&html, &plain], "html"),
        ("mixed", [&attached, &plain], "plain"),
        ("mixed", [&part("image/png", "png"), &html], "html"),
        ("mixed", [&nested, &plain], "plain"),
        ("mixed", [&nested, &attached], ""),
        ("related", [&html, &part("image/png", "png")], "html"),
        ("encrypted", [&part("application/pgp-encrypted", "Version: 1"), &nested], ""),
        (
            "mixed",
            [
                &part(
                    "multipart/alternative; boundary=y\r\n\r\n--y\r\nContent-Type: text/html\r\n\r\nhtml\r\n--y\r\n\r\ndefault\r\n--y--",
                    "",
                ),
                &plain,
            ],
            "default",
        ),
    ] {
        let message = format!(
            "Content-Type: multipart/{subtype}; boundary=x\r\n\r\npreamble\r\n{}--x--\r\n",
            parts.map(String::as_str).concat()
        );
        assert_eq!(of(message.as_bytes()), words, "{message}");
    }
    assert_eq!(of(b"Subject: s\n\nno type"), "no type");
    assert_eq!(of(b"Content-Type: multipart/mixed; boundary=x\n\nno parts"), "no parts");
    assert_eq!(of(b"Content-Type: image/png\n\npng"), "");
    assert_eq!(of(b""), "");
}

#[test]
fn encodings_and_charsets_are_undone() {
    let of = |kind: &str, encoding: &str, body: &[u8]| {
        let header =
            format!("Content-Type: text/{kind}\nContent-Transfer-Encoding: {encoding}\n\n");
        of(&[header.as_bytes(), body].concat())
    };
    assert_eq!(of("plain; charset=iso-2022-jp", "7bit", b"\x1b$BF|K\\\x1b(B"), "日本");
    assert_eq!(of("plain; charset=iso-2022-jp", "Base64", b"GyRCRnxLXBsoQg=="), "日本");
    assert_eq!(of("plain; charset=utf-8", "quoted-printable", b"caf=C3=A9 =\r\n!"), "café !");
    assert_eq!(of("html", "8bit", b"<meta charset=\"shift_jis\">\x93\xfa\x96\x7b"), "日本");
    assert_eq!(of("html", "8bit", b"<meta charset='utf-16'>caf\xc3\xa9"), "café");
    assert_eq!(of("html", "8bit", b"<meta charset="), "");
}

/// Wherever a long part is cut, what is shown is what a part without an end would show.
#[test]
fn a_cut_leaves_no_broken_character() {
    for front in 0..8 {
        let spaces = " ".repeat(front);
        let text = format!("{spaces}日本語 {}\n本", " ".repeat(FRONTS[0] - 14));
        assert_eq!(of_plain(&text), "日本語 本", "{front}");
        let long = format!("{spaces}{}", "\u{65e5}\u{672c}".repeat(FRONTS[1]));
        assert_eq!(of_plain(&long), "日本".repeat(100), "{front}");
        let soft_breaks = "=\n".repeat(FRONTS[1] / 2 - 10);
        let escaped = [
            "Content-Transfer-Encoding: quoted-printable\n",
            "Content-Type: text/plain; charset=utf-8\n\n",
            &format!("{spaces}x{soft_breaks}{}", "=C3=A9".repeat(20)),
        ];
        let shown = of(escaped.concat().as_bytes());
        assert!(["xé", "xéé", "xééé"].contains(&&*shown), "{shown}");
    }
}

#[test]
fn what_says_little_at_first_is_read_further() {
    let style = format!("<style>{}</style>", "p { color: red }\n".repeat(1000));
    assert_eq!(of_html(&format!("<p>Hi</p>{style}<p>there</p>")), "Hi there");
    let quoted = format!("{}answer", "> quoted\n".repeat(1000));
    assert_eq!(of_plain(&quoted), "answer");
    let endless = format!("{}too late", "> quoted\n".repeat(100_000));
    assert!(of_plain(&endless).starts_with("quoted quoted"));
}

#[test]
fn long_words_end_at_the_limit() {
    assert_eq!(of_plain(&"a".repeat(1000)), "a".repeat(200));
    assert_eq!(of_plain(&("a".repeat(199) + " b")), "a".repeat(199));
    assert_eq!(of_plain(&("a".repeat(198) + " b c")), "a".repeat(198) + " b");
    assert_eq!(of_plain(&"é ".repeat(1000)).chars().count(), 199);
}

#[test]
fn bombs_cost_no_more_than_their_front() {
    for token in ["<", "</", "<!--", "<a b='", "<a b=\"", "&", "&#", "<style>", "<blockquote>", "'"]
    {
        of_html(&token.repeat(100_000));
        of_html(&(token.repeat(10_000) + "</style>"));
    }
    for token in [">", ">\n", ":\n>", "--\n", "\u{200c}", "\n", "=\n"] {
        of_plain(&token.repeat(100_000));
    }
    let many = "Content-Type: multipart/mixed; boundary=x\n\n".to_owned()
        + &"--x\nContent-Type: a/b\n\na\n".repeat(10_000);
    assert_eq!(of(many.as_bytes()), "");
}

/// The structure of another message: nothing is where it says.
#[test]
fn a_structure_that_does_not_fit_does_no_harm() {
    let other = Structure::of(b"Content-Type: text/html\n\n<p>Some longer message than this.");
    assert_eq!(preview(b"A: b\n\nshort", &other), "");
}

proptest! {
    #[test]
    fn any_tokens_have_a_preview(
        is_html: bool,
        encoding in proptest::sample::select(vec!["8bit", "base64", "quoted-printable"]),
        tokens in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "<", ">", "</", "<!--", "-->", "&", ";", "&#", "x", "=", "\"", "'", "<p>", "<b>",
                    "<style>", "</style>", "<blockquote>", "</blockquote>", "&amp;", "\n", "> ", "-- \n",
                    ":\n", "=C3", "=\n", "\u{e9}", "\u{200d}", "\x1b$B", "word ", "--x\n", "--x--\n",
                ]).prop_map(|token| token.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..80,
        ),
    ) {
        let kind = if is_html { "html" } else { "plain; charset=iso-2022-jp" };
        let header = format!("Content-Type: text/{kind}\nContent-Transfer-Encoding: {encoding}\n\n");
        of(&[header.as_bytes(), &tokens.concat()].concat());
    }
}
