"""One part of each role of bonag."""
