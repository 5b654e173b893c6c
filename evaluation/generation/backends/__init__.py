"""Engines that answer, for eval items and for users, behind one protocol."""
