"""The ground floor: what a project is on disk. It imports no other package of ours."""
