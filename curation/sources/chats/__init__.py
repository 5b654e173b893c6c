"""Conversations, in the shapes that people keep them in."""
