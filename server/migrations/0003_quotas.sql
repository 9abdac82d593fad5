-- Limits of what a user's messages may take: of the user, else of the domain. NULL leaves the
-- question to the domain, and there means no limit; -1 is no limit. Storage is in KiB.
ALTER TABLE users ADD COLUMN quota_kib INTEGER;
ALTER TABLE users ADD COLUMN quota_messages INTEGER;
-- Whether the user may change the limits of users of the same domain (RFC 9208: SETQUOTA).
ALTER TABLE users ADD COLUMN is_quota_admin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN quota_kib INTEGER;
ALTER TABLE domains ADD COLUMN quota_messages INTEGER;
