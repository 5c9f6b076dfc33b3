"""Sweeps: all candidates of a grid, on integer arrays."""
