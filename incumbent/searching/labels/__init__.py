"""How dev scores grow with the number of labels, and what more of them are worth."""
