"""The champion behind an OpenAI-compatible door: hot swaps, experiments, the traffic log."""
