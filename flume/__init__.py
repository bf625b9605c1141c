"""Flume: durable pipelines of scale-to-zero functions."""
