"""Every look at a sealed eval set, and the alpha that it spends."""
