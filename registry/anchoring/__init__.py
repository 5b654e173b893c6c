"""Anchors: the newest event of the chain, written down outside of the registry's database."""
