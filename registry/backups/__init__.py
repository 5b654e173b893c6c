"""Registry and artifacts as one archive, and back."""
