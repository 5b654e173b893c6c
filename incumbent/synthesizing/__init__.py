"""Who writes synthetic rows for `data synthesize`, and the files in which they wait for people."""
