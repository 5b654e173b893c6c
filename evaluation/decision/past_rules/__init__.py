"""Rules that made stored decisions and make no new ones, each frozen as it was."""
