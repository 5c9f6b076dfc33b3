"""Spaces of candidates that are too many to go through."""
