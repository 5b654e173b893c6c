"""What a column's name and its values say of it."""
