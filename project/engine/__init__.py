"""What the heavy stages run on: this process, or a Ray cluster. `mapped.py` is the way in."""
