"""A version made again from its commit, in a folder of its own, and held against the old one."""
