"""Answers of a contestant to eval items."""

from project.libraries import settle

settle()
