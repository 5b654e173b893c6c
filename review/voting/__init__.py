"""Blind votes on two answers: what is shown to whom, and what the votes come to."""
