"""The `--judge…` options as a detector, and what a person is told of the judging."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from aligntax.cli.output import stderr
from aligntax.detectors import Judge, detector
from aligntax.detectors.judge import ModelSettings, band_of
from aligntax.errors import UsageError
from aligntax.extension_points import Detector

__all__ = ["chosen"]


@contextlib.contextmanager
def chosen(name: str, options: dict[str, object], *, keep_text: bool, quiet: bool) -> Iterator[Detector]:
    """The detector of that name, with a judge where one is asked for; afterwards says what the judge did.

    Args:
        name: of the detector.
        options: of the command; those that begin with "judge" are taken out.
        keep_text: whether the judge's log may quote responses.
        quiet: whether to say nothing, unless exchanges were left out.
    """
    asked = {key: options.pop(key) for key in list(options) if key.startswith("judge")}
    judge = _judge(asked, keep_text=keep_text)
    found = detector(name, judge=judge)
    if judge is None:
        yield found
        return
    judge.ready()
    with judge.stopped_by_interrupt():
        try:
            yield found
        finally:
            lines = judge.tally.lines()
            for line in lines if not quiet or judge.tally.beyond_limit else ():
                stderr().print(line, markup=False, soft_wrap=True)


def _judge(asked: dict[str, object], *, keep_text: bool) -> Judge | None:
    model = asked["judge"]
    if model is None:
        if asked["judge_band"] or asked["judge_log"] or asked["judge_cache"]:
            raise UsageError("the judge has no model", hint="add --judge openai/gpt-4o-mini")
        return None
    band, log, limit = asked["judge_band"], asked["judge_log"], asked["judge_limit"]
    return Judge(
        str(model),
        settings=ModelSettings(cache=bool(asked["judge_cache"])),
        band=band_of(str(band)) if band else None,
        limit=limit if isinstance(limit, int) else None,
        log=log if isinstance(log, Path) else None,
        keep_text=keep_text,
    )
