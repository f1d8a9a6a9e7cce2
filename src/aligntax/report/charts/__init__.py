"""Charts as Vega-Lite specifications: one file a chart, a function from figures to a specification."""

from aligntax.report.charts.save import Specification, save_chart

__all__ = ["Specification", "save_chart"]
