"""What follows from drift: the state machine, labels, the retrain."""
