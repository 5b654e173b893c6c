"""Which rows ask the same, and in which words."""
