"""Records, artifacts and the seat: the ground floor, which imports no other package of ours."""
