//! Domains and users of a server under test. They go straight into the directory's file, with a
//! password hash that is cheap to verify: the real cost would make every log-in of a test slow.

use server::directory::{
    Address, Directory, DirectoryError, QuotaLimits, QuotaTarget, StoredPassword,
};

use super::TestServer;

/// Every user's password.
pub const PASSWORD: &str = "secret";

/// [`PASSWORD`] by argon2id with 8 KiB and one pass; a PHC string names its own cost.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$ZnVtaWt1cmEgdGVzdHMhIQ$\
                    JVA/9zeT9sKc2g1Sop85TK74BtoSpXiUrkBwiqTVYYc";

/// What SCRAM needs of [`PASSWORD`], with the fewest iterations that clients take.
const SCRAM_SHA1: &str = "SCRAM-SHA-1$4096:ZnVtaWt1cmEgdGVzdHMhIQ==$\
                          V2DbQ4zLPYYQL8DBpaQoYPh9ZL0=:dCKP2YknGxk6XNizGrC7HD3frOM=";
const SCRAM_SHA256: &str = "SCRAM-SHA-256$4096:ZnVtaWt1cmEgdGVzdHMhIQ==$\
                            WLB7LcERf3gH+m6Sa4ClkQR9LcgfkxODZX6r0oJygHk=:84tjSFX1tjrdGy6+u+zESvs5fY6FqK8IZvJm7es4LNQ=";

impl TestServer {
    /// Adds a domain.
    pub fn add_domain(&self, domain: &str) {
        self.change_directory(async |directory| match directory.add_domain(domain).await {
            Ok(_) | Err(DirectoryError::Exists(_)) => {}
            Err(error) => panic!("cannot add {domain}: {error}"),
        });
    }

    /// Adds a user with [`PASSWORD`], of which the hash alone is stored, as before there was SCRAM.
    pub fn add_user_without_scram(&self, address: &str) {
        let address = Address::parse(address).expect("a test's addresses are right");
        self.change_directory(async |directory| {
            directory.add_user(&address, HASH).await.expect("a new user");
        });
    }

    /// Adds a user with [`PASSWORD`].
    pub fn add_user(&self, address: &str) {
        let address = Address::parse(address).expect("a test's addresses are right");
        self.change_directory(async |directory| {
            directory.add_user(&address, stored()).await.expect("a new user");
        });
    }

    /// Makes an address lead to another.
    pub fn add_alias(&self, alias: &str, target: &str) {
        let alias = Address::parse(alias).expect("a test's addresses are right");
        let target = Address::parse(target).expect("a test's addresses are right");
        self.change_directory(async |directory| {
            directory.add_alias(&alias, &target).await.expect("a new alias");
        });
    }

    /// Limits what a user's messages may take.
    pub fn set_quota(&self, address: &str, kib: Option<u64>, messages: Option<u64>) {
        let address = Address::parse(address).expect("a test's addresses are right");
        self.change_directory(async |directory| {
            let limits = QuotaLimits { kib, messages };
            let set = directory.set_quota(&QuotaTarget::User(address.clone()), Some(limits)).await;
            set.expect("a user's limits");
        });
    }

    /// Lets a user change limits.
    pub fn set_quota_admin(&self, address: &str) {
        let address = Address::parse(address).expect("a test's addresses are right");
        self.change_directory(async |directory| {
            directory.set_quota_admin(&address, true).await.expect("a user");
        });
    }

    fn change_directory(&self, change: impl AsyncFnOnce(&Directory)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(async {
            let file = self.dir().join("directory.sqlite");
            let directory = Directory::open(&file, "+").await.expect("the directory opens");
            change(&directory).await;
            directory.close().await;
        });
    }
}

fn stored() -> StoredPassword {
    StoredPassword {
        hash: HASH.to_owned(),
        scram_sha1: Some(SCRAM_SHA1.to_owned()),
        scram_sha256: Some(SCRAM_SHA256.to_owned()),
    }
}
