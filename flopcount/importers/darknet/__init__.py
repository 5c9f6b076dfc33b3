"""Configurations of Darknet."""
