-- Policies of other domains on how their servers are to be spoken to (RFC 8461), until they expire.
CREATE TABLE sts_policies (
    domain  TEXT PRIMARY KEY NOT NULL,
    id      TEXT NOT NULL,
    policy  TEXT NOT NULL,
    fetched INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sts_policies_by_expiry ON sts_policies (expires);
