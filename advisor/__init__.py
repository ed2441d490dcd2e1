"""dynadvise: how to run a Dagster dynamic-output workload, from measurements.

What the commands do, for Python: docs/python-api.md. Seconds and bytes stand in the names (``_s``,
``_bytes``). Whatever is wrong on the user's side raises `DynadviseError`: what, where, what to do.
"""

TYPE_CHECKING = False  # not from typing: until a command heeds signals, nothing is imported
if TYPE_CHECKING:
    from advisor.api.analyze import AnalyzeOptions, analyze
    from advisor.api.check import check
    from advisor.api.emitting import snippet
    from advisor.api.emitting import snippet as snippet_as
    from advisor.api.profile import profile
    from advisor.api.recommend import predict, recommend
    from advisor.api.verify import verify
    from advisor.domain.candidate import Candidate, read_candidate
    from advisor.domain.errors import DynadviseError
    from advisor.domain.options import (
        AdviseOptions,
        CheckOptions,
        MeasureOptions,
        ProfileOptions,
        ProfilesOptions,
        VerifyOptions,
        WorkloadOptions,
    )
    from advisor.store import read

__all__ = [
    "AdviseOptions",
    "AnalyzeOptions",
    "Candidate",
    "CheckOptions",
    "DynadviseError",
    "MeasureOptions",
    "ProfileOptions",
    "ProfilesOptions",
    "VerifyOptions",
    "WorkloadOptions",
    "analyze",
    "check",
    "predict",
    "profile",
    "read",
    "read_candidate",
    "recommend",
    "snippet",
    "snippet_as",
    "verify",
]

_OPTIONS = "advisor.domain.options"
_PLACES = {
    "AnalyzeOptions": "advisor.api.analyze",
    "Candidate": "advisor.domain.candidate",
    "CheckOptions": "advisor.domain.options",
    "DynadviseError": "advisor.domain.errors",
    "analyze": "advisor.api.analyze",
    "check": "advisor.api.check",
    "predict": "advisor.api.recommend",
    "profile": "advisor.api.profile",
    "read": "advisor.store",
    "read_candidate": "advisor.domain.candidate",
    "recommend": "advisor.api.recommend",
    "snippet": "advisor.api.emitting",
    "verify": "advisor.api.verify",
}
_FORMER_NAMES = {"snippet_as": "snippet"}


def __getattr__(name: str) -> object:
    """Import a name when it is used: the command line needs few of them (PEP 562)."""
    import importlib

    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("dynadvise")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    name = _FORMER_NAMES.get(name, name)
    return getattr(importlib.import_module(_PLACES.get(name, _OPTIONS)), name)
