"""What every page has: frame, looks, errors, forms, the sign-in, and what a browser is told."""
