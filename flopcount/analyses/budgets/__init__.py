"""Limits, held against what networks cost."""
