-- Has a row from the first record of an import to its last: a database that has one when it is opened holds a part.
CREATE TABLE imports (
  id INTEGER PRIMARY KEY CHECK (id = 1)
);
