"""What experts say became of an exchange: chosen, collected, agreed upon."""

from aligntax.labels.keys import exchange_keys
from aligntax.labels.labels import Design, LabelSet, load_labels
from aligntax.labels.policy import POLICY_VERSION
from aligntax.labels.resolve import FINAL, LabelledStratum, Resolved, resolve

__all__ = [
    "FINAL",
    "POLICY_VERSION",
    "Design",
    "LabelSet",
    "LabelledStratum",
    "Resolved",
    "exchange_keys",
    "load_labels",
    "resolve",
]
