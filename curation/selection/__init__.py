"""Which training rows are worth most: ranked by quality and coverage, and a selection applied."""
