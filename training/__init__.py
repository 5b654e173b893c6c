"""Recipe in, adapter out."""

from project.libraries import settle

settle()
