"""What a specialist saves: the adapter beside a few-shot prompt and a larger model."""
