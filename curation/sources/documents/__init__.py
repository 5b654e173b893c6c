"""Documents of anybody's as texts to adapt a model to its domain with, a file for each format."""
