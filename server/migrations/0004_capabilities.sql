-- Which capabilities are hidden from whom, or offered to whom though hidden else: see
-- directory/masks.rs. An empty audience is everybody.
CREATE TABLE capability_rules (
    capability TEXT NOT NULL,
    listener   TEXT NOT NULL DEFAULT '',
    client     TEXT NOT NULL DEFAULT '',
    user       TEXT NOT NULL DEFAULT '',
    is_hidden  INTEGER NOT NULL CHECK (is_hidden IN (0, 1)),
    PRIMARY KEY (capability, listener, client, user)
) STRICT, WITHOUT ROWID;
