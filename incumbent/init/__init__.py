"""A project out of somebody's files: what is found in them, and the settings that fit it."""
