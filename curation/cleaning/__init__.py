"""What rows lose before they are split, and why."""
