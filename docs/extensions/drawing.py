"""The directive ``drawing``: an architecture drawn in the page, in the page's own colours."""

from __future__ import annotations

from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from search_spaces import get_space


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True}


class Drawing(SphinxDirective):
    """The argument is the space, the content the architecture's string."""

    required_arguments: ClassVar[int] = 1
    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        space = get_space(self.arguments[0])
        svg = space.draw(space.parse("".join(self.content)))
        return [nodes.raw("", f'<div class="drawing">{svg}</div>', format="html")]
