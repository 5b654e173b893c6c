"""Named recipes: what there is, and how one gets into params.yaml."""
