"""Adapters in, evidence and decision out."""

from registry.libraries import settle

settle()
