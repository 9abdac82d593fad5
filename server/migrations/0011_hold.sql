-- How long mail that a user submits waits in the user's Outbox, in seconds; of the user, else of the
-- domain. NULL leaves the question to the domain, and there means not at all; -1 is until somebody
-- approves of it.
ALTER TABLE users ADD COLUMN hold_seconds INTEGER;
ALTER TABLE domains ADD COLUMN hold_seconds INTEGER;
-- What makes mail of a domain's users wait longer; seconds as above.
CREATE TABLE hold_rules (
    id      INTEGER PRIMARY KEY,
    domain  TEXT NOT NULL REFERENCES domains (name) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    UNIQUE (domain, kind, value)
) STRICT;
-- Who may approve of what a domain's users send.
CREATE TABLE approvers (
    domain  TEXT NOT NULL REFERENCES domains (name) ON DELETE CASCADE,
    address TEXT NOT NULL,
    PRIMARY KEY (domain, address)
) STRICT, WITHOUT ROWID;
-- What was decided of mail that waited, by whom and when (seconds since 1970).
CREATE TABLE history (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    message TEXT NOT NULL,
    sender  TEXT NOT NULL,
    event   TEXT NOT NULL,
    actor   TEXT NOT NULL,
    note    TEXT NOT NULL
) STRICT;
CREATE INDEX history_message ON history (message);
CREATE INDEX history_sender ON history (sender);
CREATE INDEX history_at ON history (at);
