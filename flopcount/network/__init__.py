"""A network: its plan, its trace, and the conventions that count it."""
