"""What two networks are made of, and how they differ."""
