"""A file for each verb of the command, or for a few verbs about one thing."""
