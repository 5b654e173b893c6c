"""The `incumbent` command: thin verbs over the other packages."""
