"""Readers of models of other tools, one package or module per format."""
