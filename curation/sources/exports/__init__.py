"""Exports of annotation tools, and files of preferences and of rated answers."""
