"""The reward model: a head over the frozen embedder, or a classifier of one's own."""
