"""Who is there and may do what, and what every page has: frame, looks, errors, forms, sign-in."""
