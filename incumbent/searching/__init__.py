"""What `tune`, `curve` and `bases` measure on dev: settings, numbers of labels, and base models."""
