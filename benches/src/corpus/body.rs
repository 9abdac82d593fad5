//! The parts of a realistic message: text, the same in HTML, an attachment.

use std::fmt::Write as _;

use super::draw::{Draw, Purpose};
use super::encode::{base64_body, iso_2022_jp, octets, quoted_printable};
use super::header::sender;
use super::html;
use super::people::Person;
use super::place::Place;
use super::prose;

/// Decoded octets of an attachment.
const ATTACHMENT: (u64, u64) = (20_000, 400_000);
const TYPES: [(&str, &str); 6] = [
    ("application/pdf", "pdf"),
    ("image/jpeg", "jpg"),
    ("application/zip", "zip"),
    ("image/png", "png"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
];

/// The fields of MIME, the empty line and the body.
pub(crate) fn write(seed: u64, number: u64, place: &Place, from: &Person, out: &mut String) {
    let mut draw = Draw::of(seed, number, Purpose::Layout);
    let outer = boundary(&mut draw);
    if place.attachment.is_some() {
        let _ =
            write!(out, "Content-Type: multipart/mixed; boundary=\"{outer}\"\r\n\r\n--{outer}\r\n");
    }
    texts(seed, number, place, from, &mut draw, out);
    if let Some(attachment) = place.attachment {
        let _ = write!(out, "\r\n--{outer}\r\n");
        write_attachment(seed, attachment, out);
        let _ = write!(out, "--{outer}--\r\n");
    }
}

/// The text alone, or as an alternative to HTML.
#[expect(clippy::too_many_arguments, reason = "what a message is, and where it goes")]
fn texts(seed: u64, number: u64, place: &Place, from: &Person, draw: &mut Draw, out: &mut String) {
    let said = said(seed, number, place);
    let plain = plain(seed, place, from, &said, draw);
    if draw.percent(28) {
        text_part("plain", &plain, place, from, out);
        return;
    }
    let inner = boundary(draw);
    let _ = write!(
        out,
        "Content-Type: multipart/alternative; boundary=\"{inner}\"\r\n\r\n--{inner}\r\n"
    );
    text_part("plain", &plain, place, from, out);
    let _ = write!(out, "\r\n--{inner}\r\n");
    let page = html::page(seed, number, from, &said);
    text_part("html", &page, place, from, out);
    let _ = write!(out, "\r\n--{inner}--\r\n");
}

/// What a message says itself.
fn said(seed: u64, number: u64, place: &Place) -> Vec<String> {
    let mut draw = Draw::of(seed, number, Purpose::Text);
    prose::paragraphs(&mut draw, place.is_japanese)
}

/// What it says, and often what it answers, quoted.
fn plain(seed: u64, place: &Place, from: &Person, said: &[String], draw: &mut Draw) -> String {
    let mut text = String::new();
    for paragraph in said {
        prose::wrapped(paragraph, place.is_japanese, "", &mut text);
        text.push_str("\r\n");
    }
    let quoted = place.references.last().filter(|_| draw.percent(60));
    if let Some(parent) = quoted {
        let _ = write!(text, "On that day {} wrote:\r\n", sender(seed, *parent, place).address);
        for paragraph in self::said(seed, *parent, place).iter().take(4) {
            prose::wrapped(paragraph, place.is_japanese, "> ", &mut text);
            text.push_str(">\r\n");
        }
    }
    let _ = write!(text, "-- \r\n{}\r\nhttps://www.{}/\r\n", from.address, from.domain);
    text
}

/// A part of text in the encoding of its writer.
fn text_part(kind: &str, text: &str, place: &Place, from: &Person, out: &mut String) {
    let (charset, encoding) = match (place.is_japanese, from.uses_utf8(), from.number % 4) {
        (true, false, _) => ("ISO-2022-JP", "7bit"),
        (true, true, 0) => ("UTF-8", "8bit"),
        (true, true, _) => ("UTF-8", "base64"),
        (false, _, 0 | 1) => ("utf-8", "quoted-printable"),
        (false, _, _) => ("utf-8", "7bit"),
    };
    let _ = write!(
        out,
        "Content-Type: text/{kind}; charset=\"{charset}\"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    match (charset, encoding) {
        ("ISO-2022-JP", _) => out.push_str(&iso_2022_jp(text)),
        (_, "base64") => base64_body(text.as_bytes(), out),
        (_, "quoted-printable") => quoted_printable(text, out),
        _ => out.push_str(text),
    }
}

fn write_attachment(seed: u64, number: u64, out: &mut String) {
    let mut draw = Draw::of(seed, number, Purpose::Attachment);
    let len = draw.magnitude(ATTACHMENT.0, ATTACHMENT.1);
    let (kind, ending) = draw.pick(&TYPES);
    let mut name = String::new();
    super::words::draw_word(&mut draw, &mut name);
    let name = format!("{name}-{}.{ending}", draw.below(1000));
    let _ = write!(
        out,
        "Content-Type: {kind}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: \
         attachment; filename=\"{name}\"\r\n\r\n"
    );
    base64_body(&octets(&mut draw, usize::try_from(len).unwrap_or(0)), out);
}

fn boundary(draw: &mut Draw) -> String {
    format!("----=_Part_{:06}_{:016x}", draw.below(1_000_000), draw.number())
}
