"""Files of records as people have them, whatever they are called."""
