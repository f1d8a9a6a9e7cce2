"""Statistics on arrays. Has never heard of language models."""

from aligntax.stats.intervals import clopper_pearson, quantile, wilson
from aligntax.stats.clusters import GROUPS, clustered_mean, clustered_rate

__all__ = [
    "GROUPS",
    "clopper_pearson",
    "clustered_mean",
    "clustered_rate",
    "quantile",
    "wilson",
]
