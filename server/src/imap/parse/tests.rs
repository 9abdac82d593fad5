//! Commands as text against the values they mean.

use proptest::prelude::*;

use super::*;
use crate::imap::command::{
    AppendMessage, AppendText, CatenatePart, DateField, DateRelation, Depth, Events,
    FetchAttribute, HeaderFields, ListSelection, Notify, ReturnOptions, SearchKey, StatusItem,
};

fn body_of(command: &str) -> Body {
    match parse_command(format!("a1 {command}\r\n").as_bytes()) {
        Ok(Command { body, .. }) => body,
        Err(fault) => panic!("{command}: {fault:?}"),
    }
}

fn fault_of(command: &str) -> FaultKind {
    let fault = parse_command(format!("a1 {command}\r\n").as_bytes()).expect_err(command);
    assert_eq!(fault.tag, Tag::new(b"a1"), "{command}");
    fault.kind
}

#[test]
fn commands_are_case_blind_and_forgive_a_space_at_the_end() {
    assert_eq!(body_of("noop"), Body::Noop);
    assert_eq!(body_of("LogOut "), Body::Logout);
    assert_eq!(body_of("uid expunge 1:2"), body_of("UID EXPUNGE 1:2"));
    assert_eq!(parse_command(b"a1 NOOP").map(|command| command.body), Ok(Body::Noop));
}

#[test]
fn every_fault_carries_the_tag_and_says_what_was_expected() {
    for command in [
        "SELECT",
        "SELECT ",
        "LOGIN a",
        "FETCH 1",
        "FETCH 0 FLAGS",
        "FETCH 1 ()",
        "FETCH 1 NONSENSE",
        "FETCH 1 (PREVIEW ())",
        "FETCH 1 (PREVIEW (EAGER))",
        "FETCH 1 PREVIEW (LAZYX)",
        "FETCH 1 PREVIEW (LAZY FUZZY)",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 BODY[]<0.0>",
        "STORE 1 FLAGS",
        "STORE 1 FLAGS (\\Foo)",
        "SEARCH",
        "SEARCH NOT",
        "SEARCH OR ALL",
        "SEARCH FOO",
        "SEARCH (ALL",
        "SEARCH ON 99-Jan-2020",
        "NOOP x",
        "APPEND INBOX",
        "APPEND INBOX {3}\r\nab",
        "CREATE \"\"",
        "CREATE a (USE \\Sent)",
        "CREATE a (SIZE 1)",
        "STATUS INBOX ()",
        "LIST (RECURSIVEMATCH) \"\" *",
        "LIST (RECURSIVEMATCH REMOTE) \"\" *",
        "LIST \"\" ()",
        "LIST \"\" * RETURN (STATUS)",
        "LIST \"\" * RETURN (STATUS ())",
        "SELECT \"a",
        "SELECT a&b",
        "STATUS INBOX (NONSENSE)",
        "FETCH 4294967296 FLAGS",
        "LIST \"\"",
        "SEARCH RETURN (KEEP) ALL",
        "LOGIN \"a\\x\" b",
        "ENABLE (",
        "LOGIN {1}\r\n\0 x",
    ] {
        let fault = fault_of(command);
        assert!(matches!(fault, FaultKind::Malformed(_)), "{command}: {fault:?}");
    }
    for command in ["", "FOO", "UID NOOP", "UID", "UID ", "(", "FETCHX 1 FLAGS"] {
        let fault = fault_of(command);
        assert!(fault == FaultKind::UnknownCommand || command == "UID", "{command}: {fault:?}");
    }
    assert_eq!(fault_of("SEARCH CHARSET X-NONE SUBJECT a"), FaultKind::BadCharset);
    let to_save = "SEARCH RETURN (SAVE) CHARSET X-NONE SUBJECT a";
    assert_eq!(fault_of(to_save), FaultKind::BadCharsetToSave);
    for line in ["\r\n", "+ x\r\n", " NOOP\r\n", "\"a\" NOOP\r\n"] {
        let fault = parse_command(line.as_bytes()).expect_err(line);
        assert_eq!((fault.tag, fault.kind), (None, FaultKind::NoTag));
    }
}

#[test]
fn strings_come_quoted_as_literals_and_bare() {
    let login = |user: &str, password: &str| Body::Login {
        user: user.to_owned(),
        password: Secret(password.to_owned()),
    };
    assert_eq!(body_of("LOGIN bob secret"), login("bob", "secret"));
    assert_eq!(body_of("LOGIN \"b\\\\o\\\"b\" {6}\r\nse\r\nc "), login("b\\o\"b", "se\r\nc "));
    assert_eq!(body_of("LOGIN bob%x {3+}\r\na b"), login("bob%x", "a b"));
    assert_eq!(body_of("LOGIN bob@example.test p(w"), login("bob@example.test", "p(w"));
}

#[test]
fn fetch_knows_macros_sections_and_partials() {
    use FetchAttribute::{Body as Structure, Envelope, Flags, InternalDate, ModSeq, Size, Uid};
    let fetch = |text: &str| match body_of(text) {
        Body::Fetch(fetch) => fetch,
        other => panic!("{other:?}"),
    };
    let full = fetch("FETCH 1:* FULL").items;
    assert_eq!(full.attributes, [Flags, InternalDate, Size, Envelope, Structure]);
    let uid = fetch("UID FETCH 1,3 (FLAGS BODY) (CHANGEDSINCE 0)");
    assert_eq!(uid.items.attributes, [Flags, Structure, ModSeq, Uid]);
    assert_eq!(uid.changed_since, Some(0));

    let items = fetch(
        "FETCH 1 (BODY.PEEK[1.2.HEADER.FIELDS.NOT (From \"x\\\"y\")]<5.10> body[] RFC822.HEADER)",
    )
    .items;
    let [part, whole, header] = &items.sections[..] else { panic!("{items:?}") };
    assert_eq!(part.label, "BODY[1.2.HEADER.FIELDS.NOT (From \"x\\\"y\")]");
    assert_eq!(part.path.parts.len(), 2);
    assert_eq!(part.partial.map(|partial| (partial.origin, partial.len.get())), Some((5, 10)));
    assert!(!part.marks_seen && whole.marks_seen && !header.marks_seen);
    assert_eq!((whole.label.as_str(), &whole.path.fields), ("BODY[]", &HeaderFields::Whole));
    assert_eq!(header.label, "RFC822.HEADER");
    assert!(!fetch("FETCH 1 (UID FLAGS)").items.reads_messages());
}

/// RFC 8970, 6.
#[test]
fn preview_takes_lazy_and_leaves_the_modifiers_of_fetch() {
    use FetchAttribute::{ModSeq, Preview, Uid};
    for (text, items, since) in [
        ("FETCH 1 PREVIEW", &[Preview][..], None),
        ("FETCH 1 (PREVIEW (LAZY) UID)", &[Preview, Uid], None),
        ("FETCH 1 (uid preview (lazy lazy) PREVIEW)", &[Uid, Preview], None),
        ("FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 7)", &[Preview, ModSeq], Some(7)),
        ("FETCH 1 PREVIEW (CHANGEDSINCE 7)", &[Preview, ModSeq], Some(7)),
    ] {
        let Body::Fetch(fetch) = body_of(text) else { panic!("not a FETCH") };
        assert_eq!((&fetch.items.attributes[..], fetch.changed_since), (items, since), "{text}");
        assert!(fetch.items.reads_messages() && !fetch.items.marks_seen());
    }
}

#[test]
fn store_takes_flags_with_and_without_parentheses() {
    let bare = body_of("STORE 2:4 +FLAGS \\Deleted $Junk");
    assert_eq!(bare, body_of("STORE 2:4 +flags (\\deleted $Junk \\Recent)"));
    let Body::Store(store) = body_of("UID STORE 1 (UNCHANGEDSINCE 12) -FLAGS.SILENT ()") else {
        panic!("not a STORE");
    };
    assert_eq!((store.change, store.echo), (FlagChange::Remove, Echo::Silent));
    assert_eq!((store.unchanged_since, store.flags), (Some(12), FlagSet::default()));
}

#[test]
fn append_says_where_its_message_is() {
    let command = b"a APPEND \"in\" (\\Seen x) \"01-Jan-1970 00:00:01 +0000\" {3+}\r\na\0\n\r\n";
    let Ok(Command { body: Body::Append(append), .. }) = parse_command(command) else {
        panic!("not an APPEND");
    };
    let [message] = append.messages.as_slice() else { panic!("not one message") };
    let AppendText::Literal(place) = message.text.clone() else { panic!("not a literal") };
    assert_eq!(command[place], *b"a\0\n");
    assert_eq!(message.date.map(|date| date.seconds), Some(1));
    assert_eq!(message.flags.keywords.len(), 1);
}

/// RFC 4469, 5.
#[test]
fn append_takes_parts_and_says_where_they_are() {
    let command = b"a APPEND in CATENATE (URL /x/;UID=1 text {2}\r\nab URL {7+}\r\n//other)\r\n";
    let Ok(Command { body: Body::Append(append), .. }) = parse_command(command) else {
        panic!("not an APPEND");
    };
    let [AppendMessage { text: AppendText::Parts(parts), .. }] = &append.messages[..] else {
        panic!("no parts");
    };
    let [CatenatePart::Url(here), CatenatePart::Text(text), CatenatePart::Url(there)] = &parts[..]
    else {
        panic!("{parts:?}");
    };
    assert_eq!(command[text.clone()], *b"ab");
    assert!(here.target.is_some() && there.target.is_none());
    assert_eq!(there.text, "//other");
    for bad in ["APPEND in CATENATE ()", "APPEND in CATENATE (URL)", "APPEND in CATENATE (X {1}"] {
        assert!(matches!(fault_of(bad), FaultKind::Malformed(_)), "{bad}");
    }
}

/// RFC 9755, 3; RFC 9051, 5.1.
#[test]
fn names_are_utf_8_once_that_is_enabled() {
    let name = |text: &str, dialect| match parse_command_in(
        format!("a DELETE \"{text}\"").as_bytes(),
        dialect,
    ) {
        Ok(Command { body: Body::Delete(name), .. }) => Some(name.as_str().to_owned()),
        _ => None,
    };
    let rev2 = Dialect { rev2: true, ..Dialect::default() };
    let utf8 = Dialect { utf8_accept: true, ..Dialect::default() };
    assert_eq!(name("a&-b", Dialect::default()).as_deref(), Some("a&b"));
    assert_eq!(name("a&-b", rev2).as_deref(), Some("a&-b"));
    assert_eq!(name("e\u{301}", utf8).as_deref(), Some("\u{e9}"));
    assert_eq!(name("a\u{2029}", utf8), None);
    let search = b"a SEARCH CHARSET UTF-8 ALL";
    assert!(parse_command_in(search, rev2).is_ok() && parse_command_in(search, utf8).is_err());
}

#[test]
fn search_decodes_its_charset_and_keeps_or_chains_flat() {
    let keys = |text: &str| match body_of(text) {
        Body::Search(search) => search.keys,
        other => panic!("{other:?}"),
    };
    let sjis = b"a SEARCH CHARSET Shift_JIS SUBJECT {4}\r\n\x93\xfa\x96\x7b\r\n";
    let Ok(Command { body: Body::Search(search), .. }) = parse_command(sjis) else {
        panic!("not a SEARCH");
    };
    let text = "\u{65e5}\u{672c}".to_owned();
    assert_eq!(search.keys, [SearchKey::Header { field: "SUBJECT".to_owned(), text }]);
    assert_eq!(
        keys("SEARCH OR SEEN OR NEW OLD SENTSINCE \"2-Jan-1970\""),
        [
            SearchKey::Or(vec![
                SearchKey::Flag(SystemFlag::Seen),
                SearchKey::Nothing,
                SearchKey::All
            ]),
            SearchKey::Date { field: DateField::Sent, relation: DateRelation::Since, day: 1 },
        ]
    );
    let chain = format!("SEARCH {}SEEN", "OR DELETED ".repeat(5000));
    assert!(matches!(&keys(&chain)[..], [SearchKey::Or(keys)] if keys.len() == 5001));
    let deep = format!("SEARCH {}SEEN", "NOT ".repeat(5000));
    assert!(matches!(fault_of(&deep), FaultKind::Malformed(_)));
    assert_eq!(keys("SEARCH MODSEQ \"/flags/\\\\draft\" all 620"), [SearchKey::ModSeq(620)]);
}

#[test]
fn search_return_without_options_means_all() {
    let Body::Search(search) = body_of("UID SEARCH RETURN () 1:3") else { panic!("not a SEARCH") };
    assert_eq!(search.returns, Some(ReturnOptions { all: true, ..ReturnOptions::default() }));
    let Body::Search(search) = body_of("SEARCH RETURN (MIN COUNT) ALL") else { panic!() };
    let returns = ReturnOptions { min: true, count: true, ..ReturnOptions::default() };
    assert_eq!(search.returns, Some(returns));
}

#[test]
fn list_takes_the_options_of_apple_mail() {
    let Body::List(query) =
        body_of("LIST (SPECIAL-USE) \"\" (\"a\" %) RETURN (SUBSCRIBED CHILDREN)")
    else {
        panic!("not a LIST");
    };
    let selection = ListSelection { special_use: true, ..ListSelection::default() };
    assert!(query.selection == selection && query.tell_subscribed && query.is_extended);
    assert_eq!(query.patterns, ["a", "%"]);
}

#[test]
fn list_returns_status_among_other_options() {
    let Body::List(query) =
        body_of("LIST (recursivematch SUBSCRIBED) \"\" * RETURN (status (SIZE SIZE) CHILDREN)")
    else {
        panic!("not a LIST");
    };
    assert!(query.selection.recursive && query.selection.subscribed && query.tell_subscribed);
    assert_eq!(query.status, [StatusItem::Size]);
}

#[test]
fn notify_takes_groups_of_events_with_and_without_inner_parentheses() {
    let Body::Notify(Notify::Set(set)) = body_of(
        "NOTIFY set status (selected MessageNew (uid flags) MessageExpunge) \
         (subtree (Lists \"a b\") (MessageNew FlagChange MessageExpunge MailboxName)) (personal NONE)",
    ) else {
        panic!("not NOTIFY SET")
    };
    let selected = set.selected.expect("the selected mailbox");
    assert!(set.status && selected.events == Events::MESSAGES);
    assert!(selected.items.is_some_and(|items| items.wants(FetchAttribute::Flags)));
    let events: Vec<_> = set.groups.iter().map(|group| group.events).collect();
    let all = Events::MESSAGES.and(Events::FLAGS).and(Events::NAMES);
    assert_eq!(events, [all, Events::default()]);
    assert_eq!(body_of("NOTIFY NONE"), Body::Notify(Notify::None));
    assert_eq!(body_of("NOTIFY SET (INBOXES (NewEvent))"), Body::Notify(Notify::UnknownEvent));
    let long = format!("NOTIFY SET (MAILBOXES {} (MailboxName))", "x".repeat(70_000));
    assert!(matches!(fault_of(&long), FaultKind::Malformed(_)));
}

#[test]
fn what_watches_and_annotates_is_held_to_its_syntax() {
    for command in [
        "NOTIFY SET STATUS",
        "NOTIFY SET (SELECTED (MessageNew MessageExpunge)",
        "NOTIFY SET (SUBTREE-ONE a (MailboxName))",
        "NOTIFY SET (MAILBOXES (MailboxName))",
        "GETMETADATA INBOX",
        "GETMETADATA (DEPTH 1 INBOX /private",
        "SETMETADATA INBOX /private/a \"b\"",
    ] {
        assert!(matches!(fault_of(command), FaultKind::Malformed(_)), "{command}");
    }
}

#[test]
fn getmetadata_takes_its_options_on_both_sides_of_the_mailbox() {
    let Body::GetMetadata(get) = body_of("GETMETADATA (MAXSIZE 10 DEPTH infinity) a /private/b")
    else {
        panic!("not GETMETADATA")
    };
    assert_eq!((get.size_max, get.depth), (Some(10), Depth::All));
    let after = body_of("GETMETADATA a (depth INFINITY maxsize 10) (/private/b)");
    assert_eq!(after, Body::GetMetadata(get));
    let Body::SetMetadata(set) =
        body_of("SETMETADATA \"\" (/private/a NIL /private/b ~{2+}\r\n\0\")")
    else {
        panic!("not SETMETADATA")
    };
    let values: Vec<_> = set.entries.into_iter().map(|(_, value)| value).collect();
    assert_eq!((set.mailbox, values), (None, vec![None, Some(b"\0\"".to_vec())]));
}

#[test]
fn create_takes_special_uses() {
    let Body::Create { mailbox, uses } = body_of("CREATE Out (USE (\\sent \\Foo))") else {
        panic!("not a CREATE");
    };
    assert_eq!((mailbox.as_str(), uses.as_slice()), ("Out", &[Some(SpecialUse::Sent), None][..]));
}

#[test]
fn a_set_of_two_megabytes_is_read() {
    let set = "1,3,5,".repeat(350_000);
    let Body::Fetch(fetch) = body_of(&format!("UID FETCH {set}7:9 FLAGS")) else {
        panic!("not a FETCH");
    };
    assert_eq!(fetch.messages.resolve(None).len(), 4);
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "a ",
        "UID ",
        "FETCH ",
        "SEARCH ",
        "STORE ",
        "APPEND ",
        "APPEND in CATENATE (",
        "TEXT ",
        "URL ",
        "/in/;UID=1/;SECTION=",
        "LIST ",
        "SELECT ",
        "LOGIN ",
        "1:*,3 ",
        "BODY[",
        "1.2.",
        "HEADER.FIELDS ",
        "(",
        ")",
        "]",
        "<0.1>",
        "{3}\r\n",
        "{2+}\r\n",
        "abc",
        "\"",
        "\\",
        "OR ",
        "NOT ",
        "FLAGS ",
        "CHARSET utf-8 ",
        "SUBJECT ",
        " ",
        "&AOk-",
        "RETURN ",
        "1-Jan-2020 ",
        "\r\n",
        "UNCHANGEDSINCE ",
        "\u{e9}",
    ]);
    prop::collection::vec(words, 0..16).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_command(&bytes);
        let everything = Dialect { utf8_accept: true, rev2: true, uid_only: true };
        let _ = parse_command_in(&bytes, everything);
    }

    #[test]
    fn arbitrary_words_never_panic(bytes in pieces()) {
        let _ = parse_command(&bytes);
        let _ = parse_command(&[b"a SEARCH ", &bytes[..]].concat());
        let _ = parse_command(&[b"a FETCH 1 ", &bytes[..]].concat());
    }
}
