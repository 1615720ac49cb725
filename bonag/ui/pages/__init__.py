"""The pages, one module each, which has ``routes(site)``."""
