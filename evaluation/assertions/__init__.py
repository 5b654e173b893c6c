"""What a program can tell of an answer: whether assertions hold for it."""
