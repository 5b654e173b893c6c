"""Shadow, canary and A/B: who is asked what, and what came of it."""
