"""One scheduler for the projects of many teams that share a registry."""
