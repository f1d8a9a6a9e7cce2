"""Charts drawn on the server: one file a chart, a function from figures to a `Chart`."""

from aligntax.dashboard.charts.plot import Chart

__all__ = ["Chart"]
