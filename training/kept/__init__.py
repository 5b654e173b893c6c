"""What is kept of a training run beside its adapter: checkpoints, and what it cost."""
