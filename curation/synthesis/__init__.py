"""Rows that a model writes from training rows: what it is asked, and what is kept of it."""
