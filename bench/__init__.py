"""Measurements of Flume: ``python -m bench`` prints a table per bar of the specification and writes JSON."""
