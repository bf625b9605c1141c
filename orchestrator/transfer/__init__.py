"""Moving everything from one store to another, by a file of lines: what `flume export` and `flume import` do."""
