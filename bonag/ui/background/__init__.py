"""The one background process of the pages: what it does, in which order, and what is shown meanwhile."""
