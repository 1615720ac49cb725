"""Transfer: what earlier searches and tables in the same space say of a new task."""
