"""A person's rows, taken out of all that a project can reach."""
