"""What models are asked beside the eval sets: suites, which a project keeps for years."""
