"""Which of two answers is preferred: a reward model, an LLM judge, people's ballots."""
