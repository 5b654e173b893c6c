"""A night as a page and as words."""
