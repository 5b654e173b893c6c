"""A language model as a judge: of two answers, and of one by a rubric."""
