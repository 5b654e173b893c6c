"""What people said of tasks, whichever tool they used: told apart, compared, made into rows."""
