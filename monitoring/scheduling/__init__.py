"""Jobs for dates, each done once, and notices about them."""
