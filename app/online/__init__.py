"""Online rooms: join links made at click for one person, and what the join page says."""
