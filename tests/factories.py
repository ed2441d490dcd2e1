"""Literal values for tests: the seed's workload (8 items of 0.5 s) on a host with 2 cores.

Each ``make_*`` gives a whole, consistent value; keyword arguments replace single fields.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from advisor.domain.advice import (
    Advice,
    Breakdown,
    BreakEven,
    Floors,
    HostSummary,
    NextMeasurement,
    Prediction,
    Snippets,
    WorkloadSummary,
)
from advisor.domain.analysis import (
    Analysis,
    DelegatedWay,
    Diagnosis,
    Drift,
    DriftPoint,
    GanttBar,
    ObservedOverhead,
    OpStatistics,
    Parallelism,
    PhaseStatistics,
    RunAnalysis,
    Totals,
)
from advisor.domain.candidate import Candidate
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, GateReport, OpTiming, ProxyCount, TargetCheck, Verdict
from advisor.domain.graph import GraphNode, Wire
from advisor.domain.host import (
    CalibrationRun,
    CpuScaling,
    HostFacts,
    HostProfile,
    PreloadList,
    StorageSample,
)
from advisor.domain.item_sample import ItemSample
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.overhead import InProcessOverhead, MultiprocessOverhead, OverheadModel
from advisor.domain.quantities import Interval, Spread
from advisor.domain.rejection import Rejection
from advisor.domain.verification import Verification, VerifiedRun
from advisor.domain.workload import (
    ConcurrencyProbe,
    Hotspot,
    MappedOp,
    OpProfile,
    OpReference,
    SourceLocation,
    TargetReference,
    WorkloadDescription,
    WorkloadProfile,
)
from advisor.store import SavedProfile

GIB = 2**30
PRELOAD = ("sqlalchemy", "dagster._core.storage.event_log", "shop.chunks")

IN_PROCESS = Candidate("execute_in_process", "in_process")
WARM_8 = Candidate("execute_job", "multiprocess", "forkserver", PRELOAD, max_concurrent=8)
SPAWN_2 = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2)
THREADS_8 = Candidate(
    "execute_job", "in_process", batch_size=8, workers_in_op=8, worker_kind="thread"
)
RUN_CONFIG = """\
# warm forkserver: boot per step 1.1 s -> 0.1 s on this host
execution:
  config:
    multiprocess:
      max_concurrent: 8
      start_method:
        forkserver:
          preload_modules: [sqlalchemy, shop.chunks]
"""
PYTHON = """\
from dagster import multiprocess_executor

executor = multiprocess_executor.configured({"max_concurrent": 8})
"""


def make_target(**changes: Any) -> TargetReference:
    return replace(
        TargetReference(
            spelled="shop.chunks:process_all",
            module="shop.chunks",
            file=None,
            attribute="process_all",
            job=None,
            working_directory="/home/user/shop",
        ),
        **changes,
    )


def make_description(**changes: Any) -> WorkloadDescription:
    chunk = OpReference("process_chunk", ("process_chunk",), SourceLocation("shop/chunks.py", 12))
    return replace(
        WorkloadDescription(
            target=make_target(),
            kind="job",
            job_name="process_all",
            mapped=(
                MappedOp(
                    reference=chunk,
                    item_input="chunk",
                    inputs=("chunk",),
                    outputs=("result",),
                    tags={"team": "sales"},
                ),
            ),
            fan_out=OpReference("split", ("split",), SourceLocation("shop/chunks.py", 5), "ab12"),
            collects=(OpReference("gather", ("gather",)),),
            executor=ExecutorSetting(
                executor="multiprocess",
                class_name="multi_or_in_process_executor",
                start_method="spawn",
                effective_max_concurrent=2,
                config_path=("execution", "config", "multiprocess"),
                in_process_config_path=("execution", "config", "in_process"),
                tag_concurrency_limits=({"key": "db", "limit": 2},),
            ),
            graph=(
                GraphNode("split", outputs=("result",), dynamic_outputs=("result",)),
                GraphNode(
                    "process_chunk",
                    (Wire("chunk", (("split", "result"),)),),
                    ("chunk",),
                    ("result",),
                ),
                GraphNode(
                    "gather",
                    (Wire("results", (("process_chunk", "result"),), collected=True),),
                    ("results",),
                    ("result",),
                ),
            ),
        ),
        **changes,
    )


def make_sample(item: int = 0, **changes: Any) -> ItemSample:
    return replace(
        ItemSample(
            item=item,
            key=f"chunk_{item}",
            wall_s=0.501,
            cpu_s=0.003,
            peak_rss_bytes=2_000_000,
            input_bytes=128,
            output_bytes=64,
            load_s=0.001,
            store_s=0.001,
        ),
        **changes,
    )


def make_workload_profile(**changes: Any) -> WorkloadProfile:
    return replace(
        WorkloadProfile(
            items=8,
            ops=(
                OpProfile(
                    handle="process_chunk",
                    first_calls=(make_sample(0, wall_s=0.55, cpu_s=0.05),),
                    preloaded_first_calls=(make_sample(0, wall_s=0.51),),
                    later_calls=tuple(make_sample(i) for i in range(1, 5)),
                    base_rss_bytes=120_000_000,
                    first_call_modules=("shop.chunks",),
                ),
            ),
            fan_out_s=0.01,
            fan_out_items=8,
            collect_s=0.002,
            collect_items=8,
            probes=(ConcurrencyProbe("thread", 4, 1.01), ConcurrencyProbe("process", 2, 1.02)),
            hotspots=(Hotspot("shop/chunks.py:14 process_chunk", 0.99, "waiting"),),
            category_shares={"waiting": 0.99, "user code": 0.01},
            op_executions=12,
            cost_s=9.4,
            measured_at="2026-01-02T03:04:05+00:00",
        ),
        **changes,
    )


def make_observed_run(**changes: Any) -> ObservedRun:
    steps = tuple(
        ObservedStep(
            step_key=f"wait_item[{key}]",
            op="wait_item",
            mapping_key=str(key),
            status="success",
            worker_starting_s=1.0 + key,
            worker_started_s=1.1 + key,
            resource_init_started_s=1.12 + key,
            resource_init_s=1.13 + key,
            start_s=1.16 + key,
            inputs_s=1.17 + key,
            first_output_s=1.37 + key,
            last_output_s=1.37 + key,
            stored_s=1.38 + key,
            end_s=1.4 + key,
            outputs=1,
            inputs=1,
            pid=1000 + key,
        )
        for key in range(2)
    )
    return replace(
        ObservedRun("run-1", "calibration", "success", "multiprocess", 1767322000.0, 3.6, steps),
        **changes,
    )


def make_host_facts(**changes: Any) -> HostFacts:
    return replace(
        HostFacts(
            id="xeon-2c-8g-linux",
            cpus=2.0,
            cpu_count=2,
            memory_bytes=8 * GIB,
            processor="Intel Xeon",
            system="Linux",
            python_version="3.11.7",
            dagster_version="1.13.29",
        ),
        **changes,
    )


def make_host_profile(**changes: Any) -> HostProfile:
    run = make_observed_run()
    return replace(
        HostProfile(
            facts=make_host_facts(),
            storage="sqlite",
            user_module="shop.chunks",
            preload=PreloadList(
                modules=PRELOAD,
                left_out={"ddtrace": "starts a thread at import"},
                boot_before_s=1.1,
                boot_after_s=0.1,
            ),
            runs=(
                CalibrationRun("warm_forkserver", 1, 3.7, 0.2, 1.1, 0.2, run, items=2),
                CalibrationRun("execute_in_process", 1, 0.6, 0.2, 0.0, 0.2, run, items=2),
            ),
            storing=(StorageSample(1_000, 0.001, 0.001), StorageSample(10_000_000, 0.02, 0.01)),
            cpu_scaling=(CpuScaling(1, 1.0), CpuScaling(2, 1.05), CpuScaling(4, 2.1)),
            cli_start_s=2.1,
            base_rss_bytes=110_000_000,
            cost_s=41.0,
            calibrated_at="2026-01-02T03:00:00+00:00",
        ),
        **changes,
    )


def make_multiprocess_overhead(**changes: Any) -> MultiprocessOverhead:
    """The warm forkserver's."""
    return replace(
        MultiprocessOverhead(
            start_s=0.25,
            server_start_s=1.1,
            boot_s=0.1,
            prepare_s=0.06,
            load_s=0.01,
            finish_s=0.03,
            exit_s=0.03,
            fan_out_output_s=0.015,
            collect_input_s=0.008,
            end_s=0.1,
        ),
        **changes,
    )


def make_overhead(**changes: Any) -> OverheadModel:
    return replace(
        OverheadModel(
            execute_in_process=InProcessOverhead(0.1, 0.02, 0.01, 0.004, 0.05),
            in_process=InProcessOverhead(0.2, 0.045, 0.014, 0.008, 0.05),
            multiprocess={
                "spawn": make_multiprocess_overhead(server_start_s=0.0, boot_s=1.1, exit_s=0.55),
                "forkserver": make_multiprocess_overhead(server_start_s=0.7, boot_s=0.6),
                "warm_forkserver": make_multiprocess_overhead(),
            },
            cli_start_s=2.1,
            store_byte_s=2e-9,
            load_byte_s=1e-9,
            cpu_scaling=(CpuScaling(1, 1.0), CpuScaling(2, 1.05)),
        ),
        **changes,
    )


def make_prediction(
    candidate: Candidate = WARM_8, median_s: float = 4.1, **changes: Any
) -> Prediction:
    work_s = min(2.0, median_s / 2)
    return replace(
        Prediction(
            candidate=candidate,
            makespan_s=Interval(median_s, 0.92 * median_s, 1.1 * median_s),
            breakdown_s=Breakdown(
                work_s=work_s,
                launch_s=0.5 * (median_s - work_s),
                serialize_s=0.05 * (median_s - work_s),
                coordinate_s=0.3 * (median_s - work_s),
                idle_s=0.15 * (median_s - work_s),
            ),
            peak_memory_bytes=int(0.9 * GIB),
            core_seconds=3.2,
            p_best=0.9,
            expected_regret=0.01,
            reasons=("Items wait, so 8 in parallel take no longer than one.",),
        ),
        **changes,
    )


def make_advice(**changes: Any) -> Advice:
    threads = make_prediction(
        THREADS_8,
        0.8,
        p_best=0.97,
        costs=("one log entry a batch instead of one an item", "one item's failure fails all 8"),
        reasons=("Items wait (CPU is 1 % of their time), so threads overlap them.",),
    )
    warm = make_prediction(p_best=0.03, expected_regret=4.1)
    in_process = make_prediction(IN_PROCESS, 4.6, p_best=0.0, expected_regret=4.7)
    spawn = make_prediction(SPAWN_2, 14.3, p_best=0.0, expected_regret=16.9)
    return replace(
        Advice(
            target="shop.chunks:process_all",
            dagster_version="1.13.29",
            python_version="3.11.7",
            objective="time",
            change="code",
            environment="dev",
            host=HostSummary("xeon-2c-8g-linux", 2.0, 8 * GIB),
            workload=WorkloadSummary(
                items=8,
                samples=5,
                wall_s=Spread(0.501, 0.5, 0.503),
                cpu_s=0.003,
                first_call_extra_s=0.05,
                input_bytes=128,
                output_bytes=64,
                peak_rss_bytes=2_000_000,
                kind="waiting",
                hotspots=(Hotspot("shop/chunks.py:14 process_chunk", 0.99, "waiting"),),
                category_shares={"waiting": 0.99, "user code": 0.01},
            ),
            recommendation=threads,
            config_only=warm,
            current=spawn,
            default=spawn,
            candidates=(threads, warm, in_process, spawn),
            rejected=(
                Rejection(
                    replace(WARM_8, max_concurrent=64), "needs 9.1 GiB, the host has 8.0 GiB"
                ),
            ),
            floors=Floors(critical_path_s=0.5, perfect_parallel_s=0.012, serial_s=4.0),
            break_even=(
                BreakEven("in_process", "multiprocess", 0.4),
                BreakEven("forkserver", "spawn", None),
            ),
            snippets=Snippets(python=PYTHON, run_config=RUN_CONFIG),
            warnings=(
                Finding(
                    code="DYN003",
                    severity="warning",
                    message="`max_concurrent` is not set, and the container has 2 of 64 cores.",
                    remedy="Set `max_concurrent: 2`.",
                    location=SourceLocation("shop/chunks.py", 20),
                    target="shop.chunks:process_all",
                ),
            ),
            notes=("Only 5 of 8 items were measured within the budget.",),
            next_measurement=NextMeasurement(
                "A real run of the two leading ways.",
                "dynadvise verify shop.chunks:process_all --configurations advised,current",
            ),
            measured_cost_s=9.4,
            op_executions=12,
            advised_at="2026-01-02T03:04:06+00:00",
        ),
        **changes,
    )


def make_verification(candidate: Candidate = WARM_8, **changes: Any) -> Verification:
    runs = tuple(
        VerifiedRun(candidate, wall_s, 4.0, 0.3, 2.9, "2026-01-02T03:10:00+00:00")
        for wall_s in (4.05, 4.2)
    )
    return replace(Verification("advised", candidate, Interval(4.1, 3.8, 4.5), runs), **changes)


def make_analysis(**changes: Any) -> Analysis:
    second = Spread(1.0, 0.9, 1.1)
    op = OpStatistics(
        op="process_chunk",
        role="mapped",
        executor="multiprocess",
        steps=8,
        attempts=9,
        failed=1,
        phases=(
            PhaseStatistics("launch", second, 8.0, 8),
            PhaseStatistics("compute", second, 8, 8),
        ),
        slot_s=second,
        way="multiprocess, spawn",
    )
    diagnosis = Diagnosis(
        "RUN003", "imports-dominate-launch", "warning", "Imports.", ("1 s",), "Preload.", 4.0, "f"
    )
    run = RunAnalysis(
        run_id="run-0001",
        job="process_all",
        status="success",
        executor="multiprocess",
        start_method="spawn",
        started_at_s=1767322000.0,
        items=8,
        events=130,
        ops=(op,),
        parallelism=Parallelism(2, 2, 2, 0.6, 0.9, 9.0),
        totals=Totals(9.4, 4.6, 4.8, 2.0, 0.5, 0.25, 18.8),
        diagnoses=(diagnosis,),
        bars=(GanttBar("process_chunk[a]", 0, 0.0, 2.0, 1.0, 2.0),),
        notes=("A note.",),
    )
    point = DriftPoint(
        "run-0001", 1767322000.0, "spawn", 8, 9.4, Interval(9.0, 8.0, 10.0), 0.05, 0.5, 1.0
    )
    return replace(
        Analysis(
            instance="/home/user/dagster_home",
            runs=(run,) * 5,
            combined=(op,),
            overhead=ObservedOverhead(notes=("Assumed.",)),
            drift=Drift((point,), 0.05, 0.05, 1.0, (), 0.01, 5, "The evidence is thin."),
            notes=("A note.",),
            saved_to="profiles/h/t.json",
            ways=(DelegatedWay("k8s", 8, 4, Interval(9.0, 8.0, 10.0), 4),),
        ),
        **changes,
    )


def make_gate_report(**changes: Any) -> GateReport:
    finding = make_advice().warnings[0]
    target = TargetCheck(
        "shop.chunks:process_all",
        Verdict.FAIL,
        timings=(
            OpTiming("process_chunk", Verdict.FAIL, 1.5, 1.2, float("inf"), 0.01, 0.015, 10),
            OpTiming("gather", Verdict.NOT_MEASURED, reason="it died"),
        ),
        proxies=(ProxyCount("steps", 8, 12), ProxyCount("modules", 5, 5, "process_chunk")),
        advice=AdviceCheck(0.3, "spawn, 2 in parallel", "warm forkserver, 8 in parallel", "x: 1"),
        findings=(finding, replace(finding, severity="error", remedy="Do:\nx: 1", location=None)),
        notes=("A note.",),
    )
    return replace(
        GateReport(Verdict.FAIL, (target,), static=False, base="main", notes=("A note.",)),
        **changes,
    )


def make_saved_profile(**changes: Any) -> SavedProfile:
    return replace(
        SavedProfile(
            description=make_description(),
            workload=make_workload_profile(),
            host=make_host_profile(),
            overhead=make_overhead(),
            advice=make_advice(),
            verifications=(make_verification(),),
        ),
        **changes,
    )
