"""Recorded real runs as fixtures, so that tests guard the model's accuracy without timing."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from typing import Any

from run import ROOT, profiled, runs

FIXTURES = ROOT / "tests" / "model" / "fixtures"
SCHEMA = "dynadvise/recorded-runs"


def rounded(value: Any) -> Any:
    """Floats with six significant digits: more is noise, and noise does not compress."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


def write_fixtures(names: list[str]) -> None:
    """One file a workload: its last profile, and real wall clocks of the same pass.

    ``profile`` is a profile as `advisor.store` reads it, but for the advice's list of candidates
    and the calibration runs' phases, which are left out; ``runs`` has one entry a configuration,
    with its name as ``verify --configurations`` takes it.
    """
    from advisor import store
    from advisor.domain.candidate import read_candidate
    from advisor.model.ways import preload_list

    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name in names:
        profiles = profiled(name)
        last = max(profiles, default=0)
        walls: dict[str, list[float]] = defaultdict(list)
        for run in runs([name]):
            if run.repeat == last:
                walls[run.configuration].append(run.wall_s)
        if not profiles or not walls:
            continue
        saved = store.read(ROOT / profiles[last]["path"])
        preload = preload_list(saved)
        small = dataclasses.replace(
            saved,
            advice=dataclasses.replace(saved.advice, candidates=(), rejected=()),
            host=dataclasses.replace(saved.host, runs=()),
            verifications=(),
        )
        document = {
            "schema": SCHEMA,
            "version": 1,
            "workload": name,
            "profile": json.loads(store.to_text(small)),
            "runs": [
                {
                    "configuration": configuration,
                    "candidate": dataclasses.asdict(read_candidate(configuration, preload)),
                    "measured_s": measured,
                }
                for configuration, measured in sorted(walls.items())
            ],
        }
        text = json.dumps(rounded(document), indent=1, ensure_ascii=False)
        (FIXTURES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
