"""Files by the digest of their bytes."""
