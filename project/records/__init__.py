"""The nouns that cross from one package to another: frozen, typed, each with a digest."""
