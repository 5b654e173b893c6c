"""A search over settings of training: what is tried, trial after trial, and what is best."""
