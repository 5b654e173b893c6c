"""From answers to score tables."""
