"""What every request passes before a page is made for it, a file a check."""
