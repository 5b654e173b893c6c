"""Signatures of versions, and the keys that make them."""
