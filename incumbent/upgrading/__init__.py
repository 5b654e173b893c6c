"""A project that an older Incumbent made, brought to this version in steps that one can refuse."""
