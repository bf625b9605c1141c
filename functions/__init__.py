"""The node types that ship with Flume, and what runs them."""
