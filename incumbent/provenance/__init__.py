"""Where a version comes from: its project as a commit that a tag keeps, and what was installed."""
