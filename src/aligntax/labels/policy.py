"""The labelling policy: its version, and each outcome in one sentence; the page tells the rest."""

from collections.abc import Mapping

from aligntax.records import LabelOutcome

__all__ = ["MEANING", "POLICY_VERSION"]

POLICY_VERSION = "1"
"""Changes with every change of a rule in docs/labelling-policy.md that could change a label."""

MEANING: Mapping[LabelOutcome, str] = {
    "complete": "It does what was asked, as far as it can be done.",
    "hedged": "Part of what was asked is there, and part is held back, watered down or buried under caveats.",
    "refused": "Nothing of substance that was asked for is there.",
    "not_applicable": "Nothing was asked, or there is no way to tell what was asked.",
}
"""What annotators see beside the choices."""
