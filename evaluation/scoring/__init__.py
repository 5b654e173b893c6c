"""From answers to score tables: scorers, assertions, public suites."""
