"""What kinds and networks cost, as formulas."""
