"""What is done once for each date, by whom, and who is told."""
