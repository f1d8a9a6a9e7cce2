"""Our measures as Inspect tasks, solvers and scorers; `inspect eval aligntax/...` finds them here.

The commands of aligntax that ask a model run the same tasks, so `inspect view` shows every sample of theirs.
Inspect loads this package as its entry point: every module in it is imported, so that what is decorated in
one (a task, a solver, a scorer) and the scripted model are known to it by name.
"""

from importlib import import_module
from pkgutil import iter_modules

import aligntax.models.endpoint.scripted  # noqa: F401 - `--model aligntax/scripted`

__all__ = [module.name for module in iter_modules(__path__)]

for _name in __all__:
    import_module(f"{__name__}.{_name}")
