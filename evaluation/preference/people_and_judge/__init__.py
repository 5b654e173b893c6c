"""People's votes on some items and a judge's word on all of them, as one estimate."""
