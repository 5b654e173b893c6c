"""The comparison as a page, and the bad answers as data for the next round."""
