"""What a run computes: its settings, its rows, and who answers what."""
