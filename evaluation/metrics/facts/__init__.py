"""Facts of a text: its numbers, dates, amounts and names, and what an answer makes of them."""
