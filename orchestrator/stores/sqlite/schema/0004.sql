-- Events that were kept by the commit of what they tell, until they are published: a row for each audience of an event, so
-- that one that can't be reached keeps nothing from the others. The table holds what waits and no history.
CREATE TABLE outbox (
  id TEXT NOT NULL,
  audience TEXT NOT NULL,
  owner TEXT NOT NULL,
  at INTEGER NOT NULL,
  event BLOB NOT NULL,
  PRIMARY KEY (id, audience)
) WITHOUT ROWID;

-- read_outbox, drop_outbox, outbox_backlogs, take_over_outbox
CREATE INDEX outbox_by_owner ON outbox (owner, audience, at, id);
