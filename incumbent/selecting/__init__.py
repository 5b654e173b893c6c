"""What `search select` measures and compares: losses of the base, vectors, adapters on dev."""
