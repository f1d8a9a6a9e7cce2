"""YAML: keys in our order, long queries as blocks, what was left out as comments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

__all__ = ["yaml_text"]


class _Dumper(yaml.SafeDumper):
    """Without anchors: a reader of a rules file expects none."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(*documents: Mapping[str, Any] | Sequence[Any], notes: Iterable[str] = ()) -> str:
    """A document, or several of them one after the other.

    Args:
        documents: plain values.
        notes: comments at the head, a line each.
    """
    head = "".join(f"# {' '.join(note.split())}\n" for note in notes)
    return head + yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
        explicit_start=len(documents) > 1,
    )
