"""Whether fine-tuning made a model forget what it could do before."""
