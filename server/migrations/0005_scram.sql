-- What SCRAM needs beside the hash, as RFC 5803 writes it; NULL until a password is set or first
-- seen. Each is of the same password as password_hash.
ALTER TABLE users ADD COLUMN scram_sha1 TEXT;
ALTER TABLE users ADD COLUMN scram_sha256 TEXT;

-- What the server must remember and nobody may know. scram_salts makes the salts that unknown
-- users seem to have; a new key would show who they are.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO secrets (name, value) VALUES ('scram_salts', randomblob(32));
