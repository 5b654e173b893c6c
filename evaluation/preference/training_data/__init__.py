"""What DPO and KTO learn from: ballots, corrections, files, and a judge's own choices."""
