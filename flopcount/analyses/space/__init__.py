"""Questions about spaces that are too large to enumerate."""
