"""The class manager's day: one guided page a run and day, seats and waves, walk-ins, the board, the minutes that print."""
