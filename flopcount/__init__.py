"""Says what a neural network costs before anyone builds it."""

__version__ = "0.1.0"
