"""What a run will need: memory, minutes, tokens and money, before any weight is loaded."""
