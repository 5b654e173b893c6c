"""Who is there, and how that is known."""
