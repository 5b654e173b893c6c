"""Rows in, gated dataset out."""

from project.libraries import settle

settle()
