"""What components, outcomes and verdicts are called on a page."""

from collections.abc import Mapping

__all__ = ["WORDS", "said"]

WORDS: Mapping[str, str] = {
    "completion_tax": "refused or hedged",
    "tax": "refused or hedged",
    "cannot": "unable",
    "declined": "refused, though able",
    "delay.share": "answers that start late",
    "delay.median": "characters before the answer, median",
    "delay.p90": "characters before the answer, 90th percentile",
    "length.median": "length of answers, median",
    "length.p90": "length of answers, 90th percentile",
    "fallback": "answered by another model",
    "provider_filter": "filter of the provider",
    "at_most": "at most",
    "at_least": "at least",
    "pull_request": "pull request",
    "should_not": "should not",
    "asks_back": "asks back",
    "ai_identity": "says it is an AI",
    "soft_refusal": "soft refusal",
    "policy_reference": "policy reference",
    "pass": "within budget",
    "fail": "over budget",
    "inconclusive": "cannot tell",
}
"""A name in the ledger -> what a page calls it; names that say enough are not here."""


def said(name: object) -> str:
    """A component, outcome, layer, verdict or kind in words."""
    text = str(name)
    if text in WORDS:
        return WORDS[text]
    group, dot, rest = text.partition(".")
    if dot and group in ("symptom", "layer", "reason", "bill"):
        return f"{said(rest)} ({group})" if group != "symptom" else said(rest)
    return text.replace("_", " ").replace(".", ", ")
