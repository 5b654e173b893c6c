"""Rows that wait for a person: failed checks, waivers, synthetic rows, labels, corrections."""
