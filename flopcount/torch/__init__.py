"""Live modules of PyTorch: `capture` makes a network of one, `summary` a report."""
