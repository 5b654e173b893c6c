"""What that takes: memory, minutes and disk, on this machine and on GPUs."""
