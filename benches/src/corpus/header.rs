//! The header of a realistic message.

use std::fmt::Write as _;

use super::date::{sent, told};
use super::draw::{Draw, Purpose};
use super::encode::{encoded_words, token};
use super::people::{Person, list_name};
use super::place::Place;
use super::prose;

/// Letters of a signature on one line.
const SIGNATURE_LINE: usize = 68;

/// The Message-ID of a message, which others can refer to.
pub(crate) fn message_id(seed: u64, number: u64) -> String {
    let mut draw = Draw::of(seed, number, Purpose::Identifier);
    let (first, second) = (draw.number(), draw.number());
    let host = sender(seed, number, &Place::of(seed, number)).domain;
    match draw.below(3) {
        0 => format!("<{first:016x}{:08x}@{host}>", second & 0xffff_ffff),
        1 => format!("<{}.{}.{}@mail.{host}>", sent(number), first % 100_000, second % 10_000),
        _ => format!(
            "<{:08X}-{:04X}-4{:03X}-{:04X}-{:012X}@{host}>",
            first >> 32,
            first & 0xffff,
            first >> 16 & 0xfff,
            second >> 48,
            second & 0xffff_ffff_ffff
        ),
    }
}

/// Who wrote a message.
pub(crate) fn sender(seed: u64, number: u64, place: &Place) -> Person {
    let mut draw = Draw::of(seed, number, Purpose::Sender);
    Person::draw(seed, &mut draw, place.is_japanese)
}

/// All fields but those of MIME.
pub(crate) fn write(seed: u64, number: u64, place: &Place, from: &Person, out: &mut String) {
    let mut draw = Draw::of(seed, number, Purpose::Trace);
    received(&mut draw, number, from, place, out);
    signature(&mut draw, from, place, out);
    let _ = write!(out, "From: {}\r\n", from.mailbox());
    addressees(seed, &mut draw, place, out);
    let _ = write!(out, "Subject: {}\r\n", subject(seed, place, from));
    let zone = if place.is_japanese { 9 } else { from.number % 3 };
    let _ = write!(out, "Date: {}\r\n", told(sent(number), zone));
    let _ = write!(out, "Message-ID: {}\r\n", message_id(seed, number));
    references(seed, place, out);
    if let Some(list) = place.list {
        list_fields(list, out);
    }
    out.push_str(from.program);
    out.push_str("MIME-Version: 1.0\r\n");
}

/// The fields of a short note: one hop, no signature, no list.
pub(crate) fn write_short(seed: u64, number: u64, place: &Place, from: &Person, out: &mut String) {
    let mut draw = Draw::of(seed, number, Purpose::Trace);
    let _ = write!(
        out,
        "Received: from smtp.{0} (smtp.{0} [198.51.100.{1}])\r\n\tby mx.example.test (Postfix) with ESMTPS id \
         {2:010X}\r\n\tfor <alice@example.test>; {3}\r\n",
        from.domain,
        from.number % 250,
        draw.number() & 0xff_ffff_ffff,
        told(sent(number) + 2, 0),
    );
    let _ = write!(out, "From: {}\r\nTo: Alice <alice@example.test>\r\n", from.mailbox());
    let _ = write!(out, "Subject: {}\r\n", subject(seed, place, from));
    let _ = write!(out, "Date: {}\r\n", told(sent(number), from.number % 3));
    let _ = write!(out, "Message-ID: {}\r\n", message_id(seed, number));
    references(seed, place, out);
    out.push_str(from.program);
    out.push_str("MIME-Version: 1.0\r\n");
}

fn received(draw: &mut Draw, number: u64, from: &Person, place: &Place, out: &mut String) {
    let host = from.domain;
    let (net, relay) = (draw.below(250), draw.between(1, 4));
    let via = place.list.map_or(("mx", host), |list| ("lists", list_name(list).1));
    let at = |delay: u64| told(sent(number) + delay, 0);
    let _ = write!(
        out,
        "Received: from {0}{relay}.{1} ({0}{relay}.{1} [192.0.2.{net}])\r\n\tby mx.example.test (Postfix) \
         with ESMTPS id {2:010X}\r\n\tfor <alice@example.test>; {3}\r\n",
        via.0,
        via.1,
        draw.number() & 0xff_ffff_ffff,
        at(3 + draw.below(4)),
    );
    let _ = write!(
        out,
        "Received: from smtp.{host} (smtp.{host} [198.51.100.{}])\r\n\t(using TLSv1.3 with cipher \
         TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n\tby {}{relay}.{} with ESMTPS id {:011x};\r\n\t{}\r\n",
        from.number % 250,
        via.0,
        via.1,
        draw.number() & 0xfff_ffff_ffff,
        at(2),
    );
    let _ = write!(
        out,
        "Received: from [10.{}.{}.{}] (unknown [203.0.113.{}])\r\n\tby smtp.{host} with ESMTPSA id \
         {:08X}; {}\r\n",
        draw.below(256),
        draw.below(256),
        draw.below(256),
        draw.below(250),
        draw.number() & 0xffff_ffff,
        at(1),
    );
    let _ = write!(
        out,
        "Authentication-Results: mx.example.test;\r\n\tdkim=pass (2048-bit key) header.d={host} \
         header.i=@{host};\r\n\tspf=pass smtp.mailfrom={}; dmarc=pass header.from={host}\r\n",
        from.address,
    );
}

fn signature(draw: &mut Draw, from: &Person, place: &Place, out: &mut String) {
    let _ = write!(
        out,
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={}; s=s{}k1;\r\n\th=from:to:subject:date:\
         message-id:mime-version:content-type{};\r\n\tbh={};\r\n\tb=",
        from.domain,
        2020 + from.number % 4,
        if place.references.is_empty() { "" } else { ":in-reply-to:references" },
        token(draw, 32),
    );
    let letters = token(draw, 256);
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(SIGNATURE_LINE));
        out.push_str(line);
        out.push_str(if others.is_empty() { "\r\n" } else { "\r\n\t " });
        rest = others;
    }
}

fn addressees(seed: u64, draw: &mut Draw, place: &Place, out: &mut String) {
    if let Some(list) = place.list {
        let (name, host) = list_name(list);
        let _ = write!(out, "To: {name}@{host}\r\n");
    } else {
        out.push_str("To: Alice <alice@example.test>");
        for _ in 0..draw.rank(3) {
            let _ = write!(out, ",\r\n\t{}", Person::draw(seed, draw, place.is_japanese).mailbox());
        }
        out.push_str("\r\n");
    }
    if draw.one_in(3) {
        let copied = draw.between(1, 4);
        let copied = (0..copied).map(|_| Person::draw(seed, draw, place.is_japanese).mailbox());
        let _ = write!(out, "Cc: {}\r\n", copied.collect::<Vec<_>>().join(",\r\n\t"));
    }
}

fn subject(seed: u64, place: &Place, from: &Person) -> String {
    let mut draw = Draw::of(seed, place.root, Purpose::Text);
    let text = prose::subject(&mut draw, place.is_japanese);
    let text = if place.is_japanese { encoded_words(&text, from.uses_utf8()) } else { text };
    let answer = if place.references.is_empty() { "" } else { "Re: " };
    let tag = place.list.map_or(String::new(), |list| format!("[{}] ", list_name(list).0));
    format!("{answer}{tag}{text}")
}

fn references(seed: u64, place: &Place, out: &mut String) {
    let Some(parent) = place.references.last() else { return };
    let _ = write!(out, "In-Reply-To: {}\r\nReferences:", message_id(seed, *parent));
    for (at, number) in place.references.iter().enumerate() {
        let fold = if at == 0 { " " } else { "\r\n " };
        let _ = write!(out, "{fold}{}", message_id(seed, *number));
    }
    out.push_str("\r\n");
}

fn list_fields(list: u64, out: &mut String) {
    let (name, host) = list_name(list);
    let _ = write!(
        out,
        "Precedence: list\r\nList-Id: <{name}.{host}>\r\nList-Unsubscribe: <https://lists.{host}/options/{name}>,\r\n \
         <mailto:{name}-request@{host}?subject=unsubscribe>\r\nList-Archive: <https://lists.{host}/archive/{name}/>\r\n\
         List-Post: <mailto:{name}@{host}>\r\nList-Help: <mailto:{name}-request@{host}?subject=help>\r\n\
         List-Subscribe: <https://lists.{host}/listinfo/{name}>,\r\n <mailto:{name}-request@{host}?subject=subscribe>\r\n"
    );
}
