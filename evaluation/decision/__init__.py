"""From a score table to a verdict: evidence, policy, rule."""
