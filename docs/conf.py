"""Sphinx: `sphinx-build -W --keep-going -b html docs docs/_build/html` makes the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

import bonag  # noqa: E402 - found by the path above

project = "bonag"
author = "the bonag maintainers"
copyright = "the bonag maintainers, Apache-2.0"
release = version = bonag.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "plain_docstrings",
    "short_names",
    "command_reference",
    "drawing",
]
exclude_patterns = ["_build"]
default_role = "code"
# A double dash is that of an option.
smartquotes = False

# A link to a page, a section or a name that is not there is a warning, and a warning ends the build.
nitpicky = True
# What is documented elsewhere, whose sites cannot be asked from here; and types that nobody outside makes.
EXTERNAL = "numpy|np|torch|nn|pandas|pd|plotly|go|ax|Client|collections|pathlib|typing|types|enum|argparse|Callable"
INNER = "Path|Any|Kind|Own|Choice|Tensor|Markup|RunSnapshot|Progress|SupernetProgress|LatencyModel"
nitpick_ignore_regex = [("py:.*", rf"({EXTERNAL})(\..*)?"), ("py:.*", rf"(.*\.)?({INNER})")]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3

autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = f"bonag {release}"
html_static_path = ["static"]
html_css_files = ["bonag.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f6f78", "color-brand-content": "#1f6f78"},
    "dark_css_variables": {"color-brand-primary": "#6cc5cf", "color-brand-content": "#6cc5cf"},
}
copybutton_exclude = ".linenos, .gp, .go"
