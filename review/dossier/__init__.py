"""A version's dossier: what a model-risk department asks for, as far as the records tell it."""
