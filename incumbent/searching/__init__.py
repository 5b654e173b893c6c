"""What `incumbent search` measures on dev: settings, numbers of labels, chosen rows, and bases."""
