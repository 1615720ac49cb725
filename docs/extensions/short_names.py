"""Resolves names of bonag's own that are written short, or documented under another module: by their last part."""

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, words: nodes.Node) -> nodes.Node | None:
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    found = {name: one for name, one in env.domains.python_domain.objects.items() if name.rpartition(".")[2] == last}
    found = {name: one for name, one in found.items() if one.objtype in ("class", "function", "exception", "data")}
    if len(found) != 1:
        return None
    ((name, one),) = found.items()
    return make_refnode(app.builder, node["refdoc"], one.docname, one.node_id, words, name)
