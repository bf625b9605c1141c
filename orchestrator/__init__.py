"""Decides: moves runs forward, keeps their state, and serves the HTTP API."""
