"""The traffic log: written, redacted, read day by day, sampled."""
