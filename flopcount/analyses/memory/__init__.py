"""Memory of a network while it runs: its peak, what lowers it, and other ways to run it."""
