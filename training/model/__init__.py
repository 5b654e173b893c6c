"""The base as a step loads it, the LoRA on it, and both merged."""
