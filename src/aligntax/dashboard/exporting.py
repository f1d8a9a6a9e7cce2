"""Files a chart leaves as: SVG, CSV, JSON."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.standalone import standalone_svg

__all__ = ["add_exports"]

_TYPES = {"svg": "image/svg+xml", "csv": "text/csv; charset=utf-8", "json": "application/json"}


def add_exports(router: APIRouter, path: str, build: Callable[..., Any]) -> None:
    """Adds routes PATH.svg, PATH.csv and PATH.json.

    Args:
        router: of the page.
        path: of the page, or of one of its charts.
        build: makes the chart from a request, as a FastAPI dependency.
    """

    def exported(kind: Literal["svg", "csv", "json"], chart: Annotated[Chart, Depends(build)]) -> Response:
        body = standalone_svg(chart) if kind == "svg" else chart.csv if kind == "csv" else chart.json
        headers = {"Content-Disposition": f'attachment; filename="{chart.name}.{kind}"'}
        return Response(body.encode("utf-8", "replace"), media_type=_TYPES[kind], headers=headers)

    router.add_api_route(path + ".{kind}", exported, methods=["GET"])
