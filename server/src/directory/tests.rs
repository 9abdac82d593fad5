use super::*;

struct World {
    directory: Directory,
    file: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

async fn world() -> World {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("d.sqlite");
    let directory = Directory::open(&file, "+").await.expect("opens");
    directory.add_domain("Example.test").await.expect("domain");
    for user in ["alice@example.test", "bob@example.test"] {
        directory.add_user(&address(user), "hash").await.expect(user);
    }
    World { directory, file, _dir: dir }
}

#[tokio::test]
async fn a_domain_may_have_a_retention_window_of_its_own() {
    let World { directory, _dir, .. } = world().await;
    let alice = directory.user(&address("alice@example.test")).await.expect("asked");
    let alice = alice.expect("she is there").account;
    let day = std::time::Duration::from_hours(24);
    assert_eq!(directory.window_of(alice).await.expect("asked"), None);
    for (days, window) in [(Some(30), Some(day * 30)), (Some(1), Some(day)), (None, None)] {
        directory.set_retention_days("Example.test", days).await.expect("set");
        assert_eq!(directory.retention_days("example.test").await.expect("asked"), days);
        assert_eq!(directory.window_of(alice).await.expect("asked"), window);
    }
    let nobody = engine::AccountId(4711);
    assert_eq!(directory.window_of(nobody).await.expect("asked"), None);
    assert!(directory.set_retention_days("example.test", Some(367)).await.is_err());
    let elsewhere = directory.set_retention_days("other.test", Some(1)).await;
    assert!(matches!(elsewhere, Err(DirectoryError::NoSuchDomain(_))));
}

fn address(text: &str) -> Address {
    Address::parse(text).expect(text)
}

impl World {
    /// Where an address leads, as text: `alice@example.test[detail]`.
    async fn leads(&self, text: &str) -> String {
        match self.directory.resolve(&address(text)).await.expect("resolves") {
            Resolution::NotLocal => "not local".to_owned(),
            Resolution::UnknownUser => "unknown".to_owned(),
            Resolution::Found(targets) => {
                let users = targets.users.iter().map(|recipient| match &recipient.detail {
                    Some(detail) => format!("{}[{detail}]", recipient.address),
                    None => recipient.address.to_string(),
                });
                let elsewhere = targets.elsewhere.iter().map(|address| format!("<{address}>"));
                users.chain(elsewhere).collect::<Vec<_>>().join(" ")
            }
        }
    }

    async fn alias(&self, alias: &str, target: &str) {
        self.directory.add_alias(&address(alias), &address(target)).await.expect("alias");
    }
}

#[tokio::test]
async fn users_are_found_by_any_spelling_and_others_are_not() {
    let world = world().await;
    assert_eq!(world.leads("ALICE@Example.TEST").await, "alice@example.test");
    assert_eq!(world.leads("carol@example.test").await, "unknown");
    assert_eq!(world.leads("alice@elsewhere.test").await, "not local");
}

#[tokio::test]
async fn an_alias_may_lead_elsewhere_and_one_may_catch_all() {
    let world = world().await;
    world.alias("team@example.test", "alice@example.test").await;
    world.alias("team@example.test", "guest@elsewhere.test").await;
    assert_eq!(world.leads("team@example.test").await, "alice@example.test <guest@elsewhere.test>");
    assert_eq!(world.leads("nobody@example.test").await, "unknown");
    world.alias("*@example.test", "team@example.test").await;
    for caught in ["nobody@example.test", "nobody+x@example.test", "*@example.test"] {
        let leads = world.leads(caught).await;
        assert_eq!(leads, "alice@example.test <guest@elsewhere.test>", "{caught}");
    }
    assert_eq!(world.leads("alice@example.test").await, "alice@example.test");
    assert_eq!(world.leads("nobody@elsewhere.test").await, "not local");
}

#[tokio::test]
async fn a_detail_is_kept_and_a_user_with_the_separator_in_the_name_comes_first() {
    let world = world().await;
    assert_eq!(world.leads("alice+Lists@example.test").await, "alice@example.test[lists]");
    world.directory.add_user(&address("alice+x@example.test"), "hash").await.expect("user");
    assert_eq!(world.leads("alice+x@example.test").await, "alice+x@example.test");
    assert_eq!(world.leads("carol+x@example.test").await, "unknown");
}

#[tokio::test]
async fn aliases_lead_through_aliases_to_each_user_once() {
    let world = world().await;
    world.alias("team@example.test", "alice@example.test").await;
    world.alias("team@example.test", "all@example.test").await;
    world.alias("all@example.test", "alice@example.test").await;
    world.alias("all@example.test", "bob+work@example.test").await;
    assert_eq!(world.leads("team@example.test").await, "alice@example.test bob@example.test[work]");
    assert_eq!(
        world.leads("team+x@example.test").await,
        "alice@example.test[x] bob@example.test[work]"
    );
}

#[tokio::test]
async fn aliases_in_a_circle_lead_nowhere_and_end() {
    let world = world().await;
    world.alias("a@example.test", "b@example.test").await;
    world.alias("b@example.test", "a@example.test").await;
    assert_eq!(world.leads("a@example.test").await, "unknown");
}

#[tokio::test]
async fn postmaster_is_always_accepted() {
    let world = world().await;
    assert_eq!(world.leads("Postmaster@example.test").await, "alice@example.test");
    world.alias("postmaster@example.test", "bob@example.test").await;
    world.directory.cache.clear();
    assert_eq!(world.leads("postmaster@example.test").await, "bob@example.test");
}

#[tokio::test]
async fn what_another_process_adds_is_seen_at_once() {
    let world = world().await;
    assert_eq!(world.leads("carol@example.test").await, "unknown");
    let other = Directory::open(&world.file, "+").await.expect("opens");
    other.add_user(&address("carol@example.test"), "hash").await.expect("user");
    assert_eq!(world.leads("carol@example.test").await, "carol@example.test");
}

#[tokio::test]
async fn an_account_number_is_never_given_out_twice() {
    let world = world().await;
    let bob = address("bob@example.test");
    let first = world.directory.user(&bob).await.expect("query").expect("bob").account;
    world.directory.remove_user(&bob).await.expect("removed");
    let second = world.directory.add_user(&bob, "hash").await.expect("added");
    assert!(second > first);
}

#[tokio::test]
async fn changes_that_cannot_be_are_refused_with_what_to_do() {
    let world = world().await;
    let directory = &world.directory;
    let alice = address("alice@example.test");
    let stranger = address("x@elsewhere.test");
    let exists = directory.add_user(&alice, "hash").await;
    assert!(matches!(exists, Err(DirectoryError::Exists(_))));
    let elsewhere = directory.add_user(&stranger, "hash").await;
    assert!(matches!(elsewhere, Err(DirectoryError::NoSuchDomain(_))));
    assert!(matches!(directory.add_domain("example.test").await, Err(DirectoryError::Exists(_))));
    let in_use = directory.remove_domain("example.test").await;
    assert!(matches!(in_use, Err(DirectoryError::DomainInUse(_))));
    let unknown = directory.remove_user(&stranger).await;
    assert!(matches!(unknown, Err(DirectoryError::NotFound(_))));
    let outside = directory.add_alias(&stranger, &alice).await;
    assert!(matches!(outside, Err(DirectoryError::NoSuchDomain(_))));
    let shadow = directory.add_alias(&alice, &address("bob@example.test")).await;
    assert!(matches!(shadow, Err(DirectoryError::Exists(_))));
}

#[tokio::test]
async fn removed_aliases_and_domains_are_gone() {
    let world = world().await;
    let directory = &world.directory;
    let (team, alice) = (address("team@example.test"), address("alice@example.test"));
    world.alias("team@example.test", "alice@example.test").await;
    world.alias("team@example.test", "bob@example.test").await;
    directory.remove_alias(&team, Some(&alice)).await.expect("removed");
    assert_eq!(world.leads("team@example.test").await, "bob@example.test");
    directory.remove_alias(&team, None).await.expect("removed");
    assert_eq!(world.leads("team@example.test").await, "unknown");
    for user in ["alice@example.test", "bob@example.test"] {
        directory.remove_user(&address(user)).await.expect("removed");
    }
    directory.remove_domain("example.test").await.expect("removed");
    assert_eq!(directory.domains().await.expect("domains"), Vec::<String>::new());
}
