"""A step of training: its trainer, its settings, and how it goes from the adapter before it."""
