"""The node types that ship with Flume, and the runtime that serves node types as functions."""
