"""What a contract may ask of the rows."""
