"""Files of anybody's, held against a contract without a project."""
