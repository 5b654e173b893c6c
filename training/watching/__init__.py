"""What is watched while a step trains: its curve, its progress, and when it has to stop."""
