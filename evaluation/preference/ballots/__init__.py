"""People's blind ballots, and how far people agree."""
