"""What can be wrong with one row, each fault found by a pure function that needs no other row."""
