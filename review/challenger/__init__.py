"""One challenger: why the verdict is what it is, item by item too, and a person's decision."""
