"""The `incumbent` command: thin verbs over the other packages."""

from project.libraries import settle

settle()
