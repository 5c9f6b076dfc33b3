"""The commands, load, count, show."""
