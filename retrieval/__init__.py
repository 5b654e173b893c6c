"""Passages that a question is answered by: found by words and by meaning, in an index."""
