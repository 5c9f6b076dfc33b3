"""Budgets: limits compared with the cost of networks."""
