"""What every page has: its frame, its looks, its errors, and what a browser is told of it."""
