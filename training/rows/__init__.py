"""From rows and documents to the tokens that a model learns."""
