"""Pairs of a good answer and a worse one: made of rows, and given by people."""
