"""The web page on which people review: evidence, blind votes, decisions, and the record of them."""
