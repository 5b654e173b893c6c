"""Metrics as `evaluate` modules, each with a value for every item."""
