"""Conditions over layers and candidates: one language."""
