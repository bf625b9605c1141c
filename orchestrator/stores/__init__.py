"""Implementations of `orchestrator.store`, one per database."""
