-- What retention must find without going through what is kept. Both tables hold a day's worth of rare events, so reading
-- them whole costs nothing.

-- Runs for which something was saved before they were made: if they never are, it goes after a day.
CREATE TABLE awaited_runs (
  id TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Pipelines that were deleted, and since when as far as retention has noticed: versions without runs go after a day,
-- since a start that had read one before may commit its run a moment later.
CREATE TABLE deleted_pipelines (
  id TEXT PRIMARY KEY,
  since INTEGER
) WITHOUT ROWID;
