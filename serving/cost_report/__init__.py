"""What an answer of the champion costs, beside a few-shot prompt and a larger model."""
