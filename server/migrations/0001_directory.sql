-- Domains, users and aliases. Addresses are stored normalised: see directory/address.rs.
CREATE TABLE domains (
    name TEXT NOT NULL PRIMARY KEY
) STRICT;

-- AUTOINCREMENT: the number of a removed account is never given out again, so that nobody
-- finds the messages of a former user.
CREATE TABLE users (
    account       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    local_part    TEXT NOT NULL,
    domain        TEXT NOT NULL REFERENCES domains (name),
    password_hash TEXT NOT NULL,
    UNIQUE (domain, local_part)
) STRICT;

CREATE TABLE aliases (
    local_part TEXT NOT NULL,
    domain     TEXT NOT NULL REFERENCES domains (name),
    target     TEXT NOT NULL,
    PRIMARY KEY (domain, local_part, target)
) STRICT, WITHOUT ROWID;
