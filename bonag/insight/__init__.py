"""What a run's models know and what guidance does, computed from its history: for pages, reports and Python."""
