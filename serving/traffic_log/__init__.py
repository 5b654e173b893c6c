"""Requests, answers and feedback, kept in immutable chunks."""
