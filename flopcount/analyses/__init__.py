"""Analyses of networks, one question per file."""
