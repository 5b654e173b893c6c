"""How people show who they are, a file a way."""
