"""The registry's pages: versions, two of them compared, their lineage, the history, the check."""
