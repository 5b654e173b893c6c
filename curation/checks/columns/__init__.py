"""Columns that need all rows: a file for each family of what can be wrong between rows."""
