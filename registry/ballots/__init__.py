"""People's votes on a version: what is voted on, who saw what, and the ballots that stand."""
