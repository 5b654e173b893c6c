"""Whether traffic differs from a reference: references, tests, and what it is about."""
