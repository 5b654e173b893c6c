"""The `incumbent` command: thin verbs over the other packages."""

from registry.libraries import settle

settle()
