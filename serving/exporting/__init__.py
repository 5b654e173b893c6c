"""A version in the form that another engine serves, scored again before it leaves."""
