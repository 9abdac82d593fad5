-- How many days what was expunged or deleted is held; NULL is as long as the store says.
ALTER TABLE domains ADD COLUMN retention_days INTEGER CHECK (retention_days BETWEEN 0 AND 366);
