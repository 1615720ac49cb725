"""Figures as the pages' script reads them."""

from __future__ import annotations

import json

from starlette.responses import Response

from bonag.plots.plot import Plot


def figure(plot: Plot) -> Response:
    """The Plotly figure in JSON, with its summary. Its address names its version, so a browser may keep it."""
    text = plot.figure.to_json()
    summary = json.dumps({"summary": plot.summary})
    return Response(
        f"{summary[:-1]},{text[1:]}", media_type="application/json", headers={"cache-control": "max-age=600"}
    )
