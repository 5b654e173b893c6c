"""The page of one challenger: why the verdict is what it is, and a person's decision on it."""
