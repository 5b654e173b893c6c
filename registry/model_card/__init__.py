"""A version's model card."""
