-- The keys that mail of a domain is signed with: private keys as PKCS #8 DER.
CREATE TABLE dkim_keys (
    domain      TEXT NOT NULL REFERENCES domains (name) ON DELETE CASCADE,
    selector    TEXT NOT NULL,
    private_key BLOB NOT NULL,
    created     INTEGER NOT NULL,
    PRIMARY KEY (domain, selector)
) STRICT, WITHOUT ROWID;
