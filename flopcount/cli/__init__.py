"""The commands, one file each: load, count, show."""
