"""Rows in, gated dataset out."""

from registry.libraries import settle

settle()
