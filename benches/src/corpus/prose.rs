//! Text of messages: subjects, sentences, paragraphs; English and Japanese.

use std::fmt::Write as _;

use super::draw::Draw;
use super::words::draw_word;

const LINE: usize = 72;
/// Letters of a Japanese line, each two columns wide.
const WIDE_LINE: usize = 35;

#[rustfmt::skip]
const NOUNS: [&str; 96] = [
    "会議", "資料", "予定", "確認", "連絡", "報告", "注文", "請求", "契約", "見積",
    "製品", "納期", "担当", "部署", "開発", "試験", "結果", "問題", "対応", "変更",
    "追加", "更新", "設定", "画面", "機能", "利用", "登録", "情報", "案内", "参加",
    "申込", "締切", "時間", "場所", "東京", "大阪", "来週", "今月", "昨日", "明日",
    "午後", "午前", "電話", "書類", "添付", "返信", "質問", "回答", "検討", "依頼",
    "修正", "提案", "計画", "予算", "費用", "金額", "支払", "銀行", "口座", "番号",
    "名前", "住所", "会社", "社員", "部長", "先生", "学校", "研究", "論文", "発表",
    "大学", "図書", "翻訳", "記事", "写真", "旅行", "電車", "空港", "天気", "季節",
    "料理", "店舗", "商品", "配送", "在庫", "倉庫", "工場", "機械", "部品", "品質",
    "サーバー", "メール", "ファイル", "システム", "データ", "サービス",
];
const PARTICLES: [&str; 10] = ["の", "を", "は", "が", "に", "と", "で", "も", "から", "について"];
#[rustfmt::skip]
const VERBS: [&str; 24] = [
    "お願いします", "ございます", "いたします", "ください", "しました", "なります", "思います",
    "あります", "送ります", "届きました", "終わりました", "始まります", "変わりました",
    "分かりません", "伺います", "お待ちしております", "申し上げます", "できます", "見ました",
    "決まりました", "伝えます", "進めます", "間に合いません", "ご覧になれます",
];

/// Paragraphs of one message, in its language.
pub(crate) fn paragraphs(draw: &mut Draw, is_japanese: bool) -> Vec<String> {
    let count = draw.magnitude(1, 9);
    (0..count).map(|_| if is_japanese { wide_paragraph(draw) } else { paragraph(draw) }).collect()
}

/// A subject's words.
pub(crate) fn subject(draw: &mut Draw, is_japanese: bool) -> String {
    if is_japanese {
        let mut text = compound(draw);
        text.push_str(draw.pick(&PARTICLES));
        return text + &compound(draw);
    }
    let mut text = String::new();
    for _ in 0..draw.between(2, 8) {
        draw_word(draw, &mut text);
        text.push(' ');
    }
    capitalise(text.trim_end())
}

/// A paragraph, its lines broken as programs break them.
pub(crate) fn wrapped(paragraph: &str, is_japanese: bool, prefix: &str, out: &mut String) {
    if is_japanese {
        let letters: Vec<char> = paragraph.chars().collect();
        for line in letters.chunks(WIDE_LINE) {
            out.push_str(prefix);
            out.extend(line);
            out.push_str("\r\n");
        }
        return;
    }
    let mut column = 0;
    for word in paragraph.split(' ') {
        if column > 0 && column + 1 + word.len() > LINE {
            out.push_str("\r\n");
            column = 0;
        }
        out.push_str(if column == 0 { prefix } else { " " });
        out.push_str(word);
        column += word.len() + 1;
    }
    out.push_str("\r\n");
}

fn paragraph(draw: &mut Draw) -> String {
    let mut text = String::new();
    for _ in 0..draw.between(1, 7) {
        let mut sentence = String::new();
        for place in 0..draw.between(5, 19) {
            if place > 0 {
                sentence.push_str(if draw.one_in(12) { ", " } else { " " });
            }
            draw_word(draw, &mut sentence);
        }
        text.push_str(&capitalise(&sentence));
        text.push_str(if draw.one_in(8) { "? " } else { ". " });
    }
    if draw.one_in(6) {
        let token = draw.number();
        let _ = write!(text, "https://www.example.com/doc/{:08x}/view", token & 0xffff_ffff);
    }
    text.trim_end().to_owned()
}

fn wide_paragraph(draw: &mut Draw) -> String {
    let mut text = String::new();
    for _ in 0..draw.between(1, 6) {
        for _ in 0..draw.between(2, 6) {
            text.push_str(&compound(draw));
            text.push_str(PARTICLES[draw.rank(3)]);
            if draw.one_in(6) {
                text.push('、');
            }
        }
        text.push_str(draw.pick(&VERBS));
        text.push('。');
    }
    text
}

/// A noun, sometimes of two.
fn compound(draw: &mut Draw) -> String {
    let mut text = draw.pick(&NOUNS).to_string();
    if draw.one_in(3) {
        text.push_str(draw.pick(&NOUNS));
    }
    text
}

fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let mut out = String::new();
        wrapped(&["word"; 40].join(" "), false, "> ", &mut out);
        assert!(
            out.lines().all(|line| line.len() <= LINE + 2 && line.starts_with("> word")),
            "{out}"
        );
    }
}
