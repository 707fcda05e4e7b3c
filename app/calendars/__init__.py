"""A person's own calendar as a subscribed iCalendar feed."""
