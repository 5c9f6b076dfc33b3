"""Closed forms of kinds and networks."""
