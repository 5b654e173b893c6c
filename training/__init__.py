"""Recipe in, adapter out."""

from registry.libraries import settle

settle()
