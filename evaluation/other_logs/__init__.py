"""Other people's results: logs of other evaluation tools, as score tables."""
