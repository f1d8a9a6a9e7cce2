"""Statistics on arrays. Has never heard of language models."""

from aligntax.stats.intervals import quantile, wilson
from aligntax.stats.clusters import GROUPS, clustered_mean, clustered_rate

__all__ = [
    "GROUPS",
    "clustered_mean",
    "clustered_rate",
    "quantile",
    "wilson",
]
