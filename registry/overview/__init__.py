"""Many versions at once, in few queries: what pages and lists show of a family."""
