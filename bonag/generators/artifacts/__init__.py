"""Generators that are shipped; each file says in its metadata how it was trained."""
