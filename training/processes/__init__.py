"""A step that several processes train together: who they are, what each learns, who starts them."""
