//! Text as mail programs and newsletters write it in HTML: much of it is style.

use std::fmt::Write as _;

use super::draw::{Draw, Purpose};
use super::encode::token;
use super::people::Person;

const FONTS: [&str; 5] = [
    "Helvetica,Arial,sans-serif",
    "Georgia,serif",
    "Calibri,sans-serif",
    "Verdana,Geneva,sans-serif",
    "Meiryo,sans-serif",
];
const COLOURS: [&str; 8] =
    ["#1f2933", "#333333", "#222222", "#000000", "#2d3748", "#404040", "#111827", "#3b3b3b"];

/// A message's text in HTML, in the manner of its writer.
pub(crate) fn page(seed: u64, number: u64, from: &Person, paragraphs: &[String]) -> String {
    // A writer's manner does not change from one message to the next.
    let mut manner = Draw::of(seed, from.number, Purpose::Manner);
    let (font, colour) = (manner.pick(&FONTS), manner.pick(&COLOURS));
    let (size, pad) = (manner.between(13, 16), manner.between(8, 24));
    let style = format!(
        "margin:0 0 {pad}px 0;font-family:{font};font-size:{size}px;line-height:{}px;color:{colour}",
        size + 7
    );
    let is_newsletter = manner.percent(35);
    let mut page = head(font, size);
    if is_newsletter {
        banner(&mut manner, from, colour, &mut page);
    }
    for paragraph in paragraphs {
        let _ = write!(page, "<p style=\"{style}\">");
        paragraph.chars().for_each(|letter| match letter {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            _ => page.push(letter),
        });
        page.push_str("</p>\r\n");
    }
    if is_newsletter {
        let mut draw = Draw::of(seed, number, Purpose::Layout);
        links(&mut draw, from, colour, font, &mut page);
    } else {
        let _ = write!(
            page,
            "<div style=\"{style}\">-- <br>\r\n<b>{}</b><br>\r\n<a href=\"https://www.{1}/\" \
             style=\"color:#0563c1;text-decoration:underline\">www.{1}</a></div>\r\n",
            from.address, from.domain
        );
    }
    page.push_str("</body>\r\n</html>\r\n");
    page
}

fn head(font: &str, size: u64) -> String {
    format!(
        "<!DOCTYPE html>\r\n<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n\
         <style type=\"text/css\">\r\nbody {{ margin: 0; padding: 0; font-family: {font}; font-size: {size}px; }}\r\n\
         table {{ border-collapse: collapse; }}\r\n@media (max-width: 600px) {{ .wide {{ width: 100% !important; }} }}\r\n\
         </style>\r\n</head>\r\n<body>\r\n"
    )
}

fn banner(manner: &mut Draw, from: &Person, colour: &str, page: &mut String) {
    let back = manner.below(0x100_0000);
    let _ = write!(
        page,
        "<table class=\"wide\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
         style=\"width:600px;background-color:#{back:06x}\">\r\n<tr>\r\n<td style=\"padding:24px 32px 16px 32px;border-bottom:1px \
         solid {colour}\">\r\n<img src=\"https://static.{0}/logo.png\" width=\"180\" height=\"48\" alt=\"{0}\" \
         style=\"display:block;border:0\">\r\n</td>\r\n</tr>\r\n</table>\r\n",
        from.domain
    );
}

/// Rows of a newsletter, each with a link that tells the sender who followed it.
fn links(draw: &mut Draw, from: &Person, colour: &str, font: &str, page: &mut String) {
    page.push_str("<table class=\"wide\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\r\n");
    for row in 0..draw.between(2, 8) {
        let follow = token(draw, 33).replace('+', "-").replace('/', "_");
        let _ = write!(
            page,
            "<tr>\r\n<td width=\"120\" style=\"padding:8px 16px 8px 32px\"><img src=\"https://static.{0}/i/{row}.jpg\" \
             width=\"104\" height=\"78\" alt=\"\" style=\"display:block;border:0\"></td>\r\n<td style=\"padding:8px 32px 8px 0;\
             font-family:{font};font-size:14px;line-height:20px;color:{colour}\"><a href=\"https://click.{0}/f/{follow}\" \
             style=\"color:#0563c1;text-decoration:none\">{1} {2}</a></td>\r\n</tr>\r\n",
            from.domain,
            row + 1,
            draw.magnitude(10, 9000),
        );
    }
    let _ = write!(
        page,
        "<tr>\r\n<td colspan=\"2\" style=\"padding:16px 32px 24px 32px;font-family:{font};font-size:11px;line-height:16px;\
         color:#8a8a8a\">You get this because you are a customer of {0}. <a href=\"https://click.{0}/u/{1:016x}\" \
         style=\"color:#8a8a8a\">Unsubscribe</a></td>\r\n</tr>\r\n</table>\r\n",
        from.domain,
        draw.number(),
    );
}
