"""Statistics on arrays. Has never heard of language models."""

from aligntax.stats.clusters import GROUPS, clustered_mean, clustered_rate
from aligntax.stats.intervals import quantile, wilson

__all__ = [
    "GROUPS",
    "clustered_mean",
    "clustered_rate",
    "quantile",
    "wilson",
]
