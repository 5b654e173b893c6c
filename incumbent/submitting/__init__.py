"""The pipeline's challenger as a version: its look, the decision, what people are told."""
