"""An analysis as JSON: ``dynadvise/analysis``, version 1. Seconds in names that end in ``_s``."""

from __future__ import annotations

import dataclasses
from typing import Any

from advisor.domain.analysis import Analysis, OpStatistics, RunAnalysis

SCHEMA = "dynadvise/analysis"
VERSION = 1


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """The whole analysis; unknown keys may be added, these keep their meaning."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "instance": analysis.instance,
        "runs": [_run(run) for run in analysis.runs],
        "ops": [_op(op) for op in analysis.combined],
        "overhead": dataclasses.asdict(
            dataclasses.replace(
                analysis.overhead,
                multiprocess=dict(analysis.overhead.multiprocess),
                delegated=dict(analysis.overhead.delegated),
            )
        ),
        "drift": dataclasses.asdict(analysis.drift) if analysis.drift else None,
        "ways": [dataclasses.asdict(way) for way in analysis.ways],
        "notes": list(analysis.notes),
        "profile": analysis.saved_to,
    }


def _run(run: RunAnalysis) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "job": run.job,
        "status": run.status,
        "executor": run.executor,
        "start_method": run.start_method,
        "started_at_s": run.started_at_s,
        "items": run.items,
        "events": run.events,
        "totals": dataclasses.asdict(run.totals),
        "parallelism": dataclasses.asdict(run.parallelism),
        "ops": [_op(op) for op in run.ops],
        "diagnoses": [dataclasses.asdict(diagnosis) for diagnosis in run.diagnoses],
        "notes": list(run.notes),
    }


def _op(op: OpStatistics) -> dict[str, Any]:
    return {
        "op": op.op,
        "role": op.role,
        "executor": op.executor,
        "way": op.way,
        "steps": op.steps,
        "attempts": op.attempts,
        "failed": op.failed,
        "slot_s": dataclasses.asdict(op.slot_s),
        "phases": {
            phase.phase: {
                **dataclasses.asdict(phase.spread_s),
                "total_s": phase.total_s,
                "steps": phase.steps,
            }
            for phase in op.phases
        },
    }
