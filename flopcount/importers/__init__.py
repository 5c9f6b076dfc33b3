"""Foreign files → Arch."""
