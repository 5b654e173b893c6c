"""Scorers: `evaluate` metrics, each with a value for every item; a file is a scorer."""
