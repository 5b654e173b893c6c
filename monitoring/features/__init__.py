"""Traffic rows as the signals see them."""
