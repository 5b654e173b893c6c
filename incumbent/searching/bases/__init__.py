"""Candidate base models: found, asked on dev, ranked, with what each would cost."""
