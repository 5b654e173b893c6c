"""What `incumbent data preview` shows: texts as the tokens that training makes of them."""
