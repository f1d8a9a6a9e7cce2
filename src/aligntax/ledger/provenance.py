"""Where a run was made: the commit, the versions, and hashes of what was read and asked for."""

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aligntax import __version__
from aligntax.errors import UnreadableInput
from aligntax.ledger.keys import content_hash

__all__ = ["PACKAGES", "Here", "config_hash", "data_hash", "here"]

PACKAGES = ("duckdb", "hyperscan", "inspect-ai", "numpy", "pyarrow", "scipy", "torch", "transformers")
"""Packages whose version can change a figure; those that are not installed are left out."""
_GIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The working directory and the installation; fields of `Origin`.

    Attributes:
        git_sha: of the working directory's commit; None outside a repository or without git.
        git_dirty: whether tracked files were changed since; None where that is not known.
        versions: package -> version.
    """

    git_sha: str | None = None
    git_dirty: bool | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def here(directory: Path | None = None) -> Here:
    """What is known of where this runs.

    Args:
        directory: the one whose commit is asked for; the working directory by default.
    """
    sha = _git("rev-parse", "--verify", "HEAD", within=directory)
    changes = None if sha is None else _git("status", "--porcelain", "--untracked-files=no", within=directory)
    return Here(
        git_sha=sha and sha.strip(),
        git_dirty=None if changes is None else bool(changes.strip()),
        versions={"aligntax": __version__, **_installed()},
    )


def _git(*arguments: str, within: Path | None) -> str | None:
    """What git says; None where there is no git, no repository, or no answer in time."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=within,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def _installed() -> dict[str, str]:
    found = dict[str, str]()
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def config_hash(settings: Mapping[str, object]) -> str:
    """SHA-256 of what a command was asked for, whatever the order; values that are no JSON as their text."""
    return content_hash({str(key): _plain(value) for key, value in settings.items()})


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


def data_hash(files: Iterable[Path]) -> str:
    """SHA-256 over size and content of files, in their order; their names do not matter.

    Raises:
        UnreadableInput: one cannot be read.
    """
    whole = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
                size = file.tell()
        except OSError as error:
            raise UnreadableInput(f"{path}: cannot be read: {error.strerror}") from error
        whole.update(f"{size} {digest.hexdigest()}\n".encode())
    return whole.hexdigest()
