"""Which rows are trained on, and which are kept for dev and sealed."""
