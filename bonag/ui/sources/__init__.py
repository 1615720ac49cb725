"""Where experiments are read from."""

from bonag.ui.sources.opening import first_page, open_source

__all__ = ["first_page", "open_source"]
