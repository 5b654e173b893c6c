"""The champion behind OpenAI's API: hot swaps, experiments, the traffic log."""
