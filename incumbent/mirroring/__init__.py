"""Versions shown in a tracker that a team has already: a copy that nothing here reads."""
