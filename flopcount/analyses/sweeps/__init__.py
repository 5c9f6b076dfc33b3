"""Grids of candidates, counted on integer arrays."""
