"""Planning: who fits a slot and why, proposals, release, the board."""
