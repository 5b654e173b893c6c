"""All dev items by version: what each answered, and what is near it in the training rows."""
