"""Jobs that are done once for each date, by whom, and who is notified."""
