"""Answers of a contestant to eval items."""
