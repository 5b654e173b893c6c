"""What a team shares of a project: DVC's remote, the registry, and the rows of every version."""
