"""What pages and lists show of a family, in few queries; and a version's model card."""
