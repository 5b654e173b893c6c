"""What training takes, before it starts: memory and minutes of a step, on this machine and GPUs."""
