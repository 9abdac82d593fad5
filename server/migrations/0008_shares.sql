-- Accounts that belong to nobody who logs in: their mailboxes are in the shared namespace.
ALTER TABLE users ADD COLUMN is_shared INTEGER NOT NULL DEFAULT 0 CHECK (is_shared IN (0, 1));
-- Who may have rights to mailboxes of an account, or owns a shared one. What the rights are stands
-- with the mailboxes. A row may be left of rights that are no more.
CREATE TABLE shares (
    account    INTEGER NOT NULL REFERENCES users (account) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    is_owner   INTEGER NOT NULL DEFAULT 0 CHECK (is_owner IN (0, 1)),
    PRIMARY KEY (account, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_identifier ON shares (identifier);
