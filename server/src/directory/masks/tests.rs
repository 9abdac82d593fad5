use super::*;

fn rule(capability: &str, visibility: Visibility, audience: [&str; 3]) -> MaskRule {
    MaskRule {
        capability: CapabilityName::parse(capability).expect(capability),
        visibility,
        audience: Audience::from_stored(audience).expect("audience"),
    }
}

fn viewer(client: Option<&str>, user: Option<&str>) -> Viewer {
    Viewer {
        client: client.map(str::to_owned),
        user: user.map(|user| Address::parse(user).expect("address")),
        ..Viewer::at("imaps", 993)
    }
}

const HIDE: Visibility = Visibility::Hidden;
const OFFER: Visibility = Visibility::Offered;

#[test]
fn the_narrowest_audience_decides() {
    let masks = Masks(vec![
        rule("move", OFFER, ["", "", "bob@example.test"]),
        rule("move", HIDE, ["", "", "example.test"]),
        rule("move", OFFER, ["", "outlook", ""]),
        rule("move", HIDE, ["imaps", "", ""]),
        rule("move", OFFER, ["993", "", ""]),
        rule("move", HIDE, ["", "", ""]),
    ]);
    let hides = |client, user| masks.hide("MOVE", &viewer(client, user));
    assert!(!hides(None, None), "a port is narrower than a protocol");
    assert!(masks.hide("MOVE", &Viewer::at("imaps", 1993)));
    assert!(masks.hide("MOVE", &Viewer::at("imap", 143)));
    assert!(!hides(Some("microsoft outlook 16"), None));
    assert!(hides(Some("microsoft outlook 16"), Some("alice@example.test")));
    assert!(!hides(None, Some("Bob@Example.test")));
    assert!(!masks.hide("MOVES", &viewer(None, None)));
}

#[test]
fn a_name_covers_its_values_and_a_whole_name_comes_first() {
    let masks =
        Masks(vec![rule("AUTH", HIDE, ["", "", ""]), rule("AUTH=PLAIN", OFFER, ["", "", ""])]);
    let shown = masks.shown("IMAP4rev1 AUTH=PLAIN AUTH=LOGIN AUTHORS", &viewer(None, None));
    assert_eq!(shown, "IMAP4rev1 AUTH=PLAIN AUTHORS");
    let masks = Masks(vec![rule("imap4rev2", HIDE, ["", "", ""])]);
    assert_eq!(masks.shown("IMAP4rev1 IMAP4rev2", &viewer(None, None)), "IMAP4rev1");
}

#[test]
fn uidonly_is_hidden_until_it_is_offered() {
    let nobody = viewer(None, None);
    assert_eq!(Masks::default().shown("IDLE UIDONLY", &nobody), "IDLE");
    let masks = Masks(vec![rule("uidonly", OFFER, ["", "imapflow", ""])]);
    assert!(masks.hide("UIDONLY", &nobody));
    assert!(!masks.hide("UIDONLY", &viewer(Some("imapflow 1.0"), None)));
}

#[test]
fn what_is_no_rule_is_refused() {
    for name in ["", "A B", "A\"", "capability", "imap4rev1"] {
        assert!(CapabilityName::parse(name).is_err(), "{name:?}");
    }
    assert!(Audience::new("imapz", "", None).is_err());
    assert!(Audience::new("70000", "", None).is_err());
    assert!(Audience::new("", &"x".repeat(129), None).is_err());
    assert!(Audience::from_stored(["", "", "a@b c"]).is_err());
}

#[tokio::test]
async fn rules_are_kept_replaced_and_cleared() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("directory.sqlite");
    let directory = Directory::open(&file, "+").await.expect("opens");
    let whom = viewer(Some("k-9"), Some("alice@example.test"));
    let hides = async || directory.masks().await.hide("IDLE", &whom);
    assert!(!hides().await);
    let mine = rule("idle", HIDE, ["imaps", "K-9", "Alice@example.test"]);
    directory.set_mask(&mine).await.expect("set");
    assert!(hides().await, "changes by this process count at once");
    assert_eq!(directory.mask_rules().await.expect("asked"), std::slice::from_ref(&mine));
    let shown = "IDLE hidden for alice@example.test of clients called \"k-9\" at imaps";
    assert_eq!(mine.to_string(), shown);
    let other = MaskRule { visibility: OFFER, ..mine.clone() };
    directory.set_mask(&other).await.expect("replaced");
    assert_eq!(directory.mask_rules().await.expect("asked"), [other]);
    directory.clear_mask(&mine.capability, &mine.audience).await.expect("cleared");
    let again = directory.clear_mask(&mine.capability, &mine.audience).await;
    assert!(matches!(again, Err(DirectoryError::NotFound(_))));
    directory.close().await;
}

#[tokio::test]
async fn while_the_directory_fails_the_last_rules_stay() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("directory.sqlite");
    let directory = Directory::open(&file, "+").await.expect("opens");
    directory.set_mask(&rule("idle", HIDE, ["", "", ""])).await.expect("set");
    let known = directory.masks().await;
    directory.close().await;
    if let Some((until, _)) = directory.masks.known.lock().expect("lock").as_mut() {
        *until = Instant::now();
    }
    assert_eq!(directory.masks().await, known);
}
