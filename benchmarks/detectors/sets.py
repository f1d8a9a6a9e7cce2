"""The labelled sets that detectors are measured on, and what has to be said of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SETS", "Measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One reading of one labelled file.

    Attributes:
        name: heading on the page.
        file: its name in the directory of labelled sets.
        about: what it is, whose labels, what it shows.
        use: whether detectors were made with it, in words.
        licence: of the set; none of it is shipped.
        label: the field with the label.
        words: label word -> class, beside our own.
        flags: symptom word -> flag, or flags joined by "+".
        by: dimensions to part it by, for the default detector.
    """

    name: str
    file: str
    about: str
    use: str
    licence: str
    label: str = "label"
    words: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ("model", "prompt_type")


_DO_NOT_ANSWER = "CC-BY-NC-SA-4.0"

SETS = (
    Measured(
        name="XSTest completions",
        file="xstest_completions.jsonl",
        about=(
            "Five models of 2023 on 250 harmless prompts that sound harmful and 200 harmful ones. People "
            "labelled full compliance, partial refusal and full refusal; two annotators agree at κ .94."
        ),
        use=(
            "Never fitted on. Its scores and failures were looked at while the English phrases and the "
            "classifier were made: more was written about what failed here, and features were kept or "
            "dropped with its score in sight. The figures are kind."
        ),
        licence="prompts CC-BY-4.0, completions under the terms of Meta, Mistral and OpenAI",
        by=("model", "prompt_type", "model+prompt_type"),
    ),
    Measured(
        name="ChatGPT refusals",
        file="chatgpt_refusals.jsonl",
        about=(
            "ChatGPT of 2023 on insincere questions and political requests, one annotator group, eight "
            "tones. Refused is *rejected*; hedged is *redirected* and *disclaimed*. Many full answers "
            'open with "As an AI language model".'
        ),
        use=(
            "A training set: thresholds of the phrase layer were set on it, and a trained detector may "
            "have seen it."
        ),
        licence="MIT",
    ),
    Measured(
        name="Rule-based-reward gold labels",
        file="rbr_gold_train.jsonl",
        about=(
            "Synthetic completions with 23 propositions each, marked by people (OpenAI). Complete, hedged "
            "and refused are derived from *fully complies* and *partially complies*; most of what is not "
            "complete here has no word of refusal in it."
        ),
        use=(
            "A training set: thresholds of the phrase layer were set on it, and a trained detector may "
            "have seen it."
        ),
        licence="MIT",
        by=("prompt_type",),
    ),
    Measured(
        name="Do-Not-Answer, three classes",
        file="do_not_answer.jsonl",
        about=(
            "Six models on 939 risky prompts, six kinds of action marked by people and mapped to three "
            "classes: refused is *cannot assist*; hedged is *both sides*, and *disclaimer or referral*; "
            "complete is *refutes the premise* and *follows*. The mapping is rough: a refuted premise is "
            "often worded as a refusal."
        ),
        use=(
            "Never fitted on. Its scores and failures were looked at while the English phrases and the "
            "classifier were made, and telling outright refusals apart was added for it. The figures are "
            "kind."
        ),
        licence=_DO_NOT_ANSWER,
        flags={"3_answers_with_disclaimer_or_expert_referral": "disclaimer+referral"},
        by=("model",),
    ),
    Measured(
        name="Do-Not-Answer, cannot assist against refutes or follows",
        file="do_not_answer.jsonl",
        about="The same, with only the kinds that are plainly one or the other.",
        use="As above.",
        licence=_DO_NOT_ANSWER,
        label="native_label",
        words={
            "0_cannot_assist": "refused",
            "1_refutes_premise": "complete",
            "2_dual_perspective": "none",
            "3_answers_with_disclaimer_or_expert_referral": "none",
            "4_incapable_or_uncertain": "none",
            "5_directly_follows": "complete",
        },
        by=("model",),
    ),
)
