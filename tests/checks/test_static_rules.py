"""Each static rule is silent on a sound job, and speaks on the one that provokes it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from difflib import SequenceMatcher

import pytest
from factories import (
    GIB,
    WARM_8,
    make_advice,
    make_description,
    make_host_facts,
    make_prediction,
)

from advisor.dagster_bridge.job_facts import docker_arguments
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.rule_facts import CheckFacts, InstanceFacts, JobFacts, ProfiledFacts
from advisor.domain.workload import NestedFanOut, SourceLocation
from advisor.rules.rule import rules
from advisor.rules.static import run_checks
from advisor.rules.step_resources import bytes_of

SOUND_EXECUTOR = ExecutorSetting(
    executor="multiprocess",
    class_name="multiprocess",
    start_method="forkserver",
    preload_modules=("my_module",),
    max_concurrent=2,
    effective_max_concurrent=2,
    config_path=("execution", "config"),
)


def sound(**changes: object) -> CheckFacts:
    """A job that no rule complains of, with every part known."""
    prediction = make_prediction(replace(WARM_8, max_concurrent=2))
    facts = CheckFacts(
        description=make_description(executor=SOUND_EXECUTOR),
        host=make_host_facts(),
        job=JobFacts(tags={"team": "sales"}),
        instance=InstanceFacts(pool_limits={"db": 2}, pool_granularity="op"),
        advice=make_advice(current=prediction),
    )
    return replace(facts, **changes)


def with_executor(**changes: object) -> CheckFacts:
    return sound(description=make_description(executor=replace(SOUND_EXECUTOR, **changes)))


def with_pool(**instance: object) -> CheckFacts:
    description = make_description(executor=SOUND_EXECUTOR)
    mapped = tuple(replace(op, pool="db") for op in description.mapped)
    facts = sound(description=replace(description, mapped=mapped))
    return replace(facts, instance=InstanceFacts(**instance))


def with_current(peak_memory_bytes: int) -> CheckFacts:
    return sound(advice=make_advice(current=make_prediction(peak_memory_bytes=peak_memory_bytes)))


ITEM_OF_HALF_A_SECOND_40 = replace(
    with_executor(max_concurrent=40, effective_max_concurrent=40),
    advice=make_advice(
        current=None,
        workload=replace(make_advice().workload, items=1000),
    ),
)

K8S = "dagster-k8s/config"
MOUNTED = {"volume_mounts": [{"name": "shared"}]}
VOLUMES = {"volumes": ["shared:/data"]}
LIMITED = {"container_config": {"resources": {"limits": {"memory": "8Gi"}}}}


def on_pods(*, executor="k8s", max_concurrent=2, tags=None) -> CheckFacts:
    """A sound job on an executor that starts something for each step, with a shared volume."""
    setting = ExecutorSetting(executor, executor, max_concurrent=max_concurrent)
    description = make_description(executor=setting)
    mapped = tuple(replace(op, tags=tags or {}) for op in description.mapped)
    return CheckFacts(replace(description, mapped=mapped), job=JobFacts(executor_config=MOUNTED))


def requesting(executor="k8s", max_concurrent=2, requests=None, **described) -> CheckFacts:
    """Pods that request this much, on a cluster that is described so."""
    resources = {"requests": {"cpu": "4", "memory": "1Gi"} if requests is None else requests}
    facts = on_pods(executor=executor, max_concurrent=max_concurrent)
    config = {**MOUNTED, "step_k8s_config": {"container_config": {"resources": resources}}}
    cluster = Cluster("prod", executor, **described)
    return replace(facts, job=JobFacts(executor_config=config), clusters=(cluster,))


def in_run_pod(**changes: object) -> CheckFacts:
    """A multiprocess job in a pod of two CPUs, on a node like this machine of 16."""
    facts = with_executor(effective_max_concurrent=16, **changes)
    return replace(
        facts,
        host=make_host_facts(cpus=16, cpu_count=16),
        clusters=(Cluster("prod", "k8s", run_pod_cpu=2),),
        advice=None,
    )


TAG_LIMIT = {"key": "team", "value": "sales", "limit": 2}


def containers(arguments):
    config = {"container_kwargs": {**arguments, **VOLUMES}}
    return JobFacts(executor_config=config, docker_arguments=docker_arguments())


PROVOKED = {
    "a tag limit below the slots": (
        "DYN013",
        with_executor(
            max_concurrent=8, effective_max_concurrent=8, tag_concurrency_limits=(TAG_LIMIT,)
        ),
        "6 of the executor's 8 slots stay empty and the mapped steps take up to 4 times as long",
    ),
    "a tag limit of runs": (
        "DYN013",
        sound(instance=InstanceFacts(run_tag_limits=("team",))),
        "the steps of one run are not limited",
    ),
    "dask": ("DYN001", with_executor(executor="dask"), "succeeds without them"),
    "configured": ("DYN002", with_executor(fixed_by_code=("max_concurrent",)), "max_concurrent is"),
    "container": (
        "DYN003",
        replace(
            with_executor(max_concurrent=None, effective_max_concurrent=16),
            host=make_host_facts(cpus=1.5, cpu_count=16),
            advice=None,
        ),
        "16 steps",
    ),
    "pool without a limit": ("DYN004", with_pool(pool_limits={"other": 1}), "has no limit"),
    "pool by run": (
        "DYN004",
        with_pool(pool_limits={"db": 2}, pool_granularity="run"),
        "counts by run",
    ),
    "run retries by tag": (
        "DYN005",
        sound(job=JobFacts(tags={"dagster/max_retries": "3"})),
        "says 3",
    ),
    "run retries by instance": (
        "DYN005",
        sound(instance=InstanceFacts(run_retries=2)),
        "the instance says 2",
    ),
    "no main guard": (
        "DYN006",
        sound(job=JobFacts(unguarded_execute_job=SourceLocation("run.py", 9))),
        "when this file is imported",
    ),
    "not reconstructable": (
        "DYN007",
        sound(
            description=make_description(
                executor=SOUND_EXECUTOR,
                reconstructable=False,
                not_reconstructable_reason="a lambda made it",
            )
        ),
        "a lambda made it",
    ),
    "io manager in memory": (
        "DYN008",
        sound(job=JobFacts(memory_io_managers=("io_manager",))),
        "io_manager keeps values in memory",
    ),
    "preload that does not load": (
        "DYN009",
        sound(job=JobFacts(unloadable_preloads={"sqlalchmey": "no such module"})),
        "sqlalchmey",
    ),
    "too many for the parent": ("DYN010", ITEM_OF_HALF_A_SECOND_40, "an item takes 0.50 s"),
    "too many, duration unknown": (
        "DYN010",
        replace(with_executor(max_concurrent=64, effective_max_concurrent=64), advice=None),
        "64 steps in parallel",
    ),
    "more than the memory": ("DYN011", with_current(9 * GIB), "9.0 GiB, and there are 8.0 GiB"),
    "a fan-out in what is mapped": (
        "DYN020",
        sound(
            description=make_description(
                executor=SOUND_EXECUTOR,
                nested_fan_outs=(
                    NestedFanOut(make_description().mapped[0].reference, ("one.work", "one.total")),
                ),
            )
        ),
        "skips one.work, one.total and the run succeeds without them",
    ),
    "alembic's logger on SQLite": (
        "DYN025",
        sound(instance=InstanceFacts(deadlocking_loggers=("root",))),
        "managed_python_loggers: [root]",
    ),
    "every pod at the same time": (
        "DYN030",
        on_pods(max_concurrent=None),
        "every item of split starts its pod",
    ),
    "a tag for pods on the job": (
        "DYN031",
        replace(on_pods(), job=JobFacts(tags={K8S: "{}"}, executor_config=MOUNTED)),
        "the run's own pod only",
    ),
    "more CPUs than the quota": (
        "DYN032",
        requesting(cpu=4),
        "2 steps of process_chunk in parallel request 8 CPU, and the quota of the cluster 'prod'",
    ),
    "more memory than the quota, in two runs": (
        "DYN032",
        requesting(memory_bytes=3 * GIB, runs_at_once=2),
        "in parallel in each of 2 runs request 4.0 GiB",
    ),
    "more pods than the quota": ("DYN032", requesting(pods=1), "request 2 pods"),
    "more CPUs than the runs' own pods leave": (
        "DYN032",
        requesting(cpu=9, run_pod_cpu=2.0),
        "request 8 CPU, and the quota of the cluster 'prod' is 9 CPU, 2 CPU of it for the",
    ),
    "a limit stands for the request": (
        "DYN032",
        replace(
            requesting(cpu=4),
            job=JobFacts(executor_config={**MOUNTED, "resources": {"limits": {"cpu": "4000m"}}}),
        ),
        "request 8 CPU",
    ),
    "a small pod on a large node": (
        "DYN034",
        in_run_pod(max_concurrent=None),
        "the CPUs of the node (here 16), and the run's pod of the cluster 'prod' has 2.",
    ),
    "more connections than Postgres has": (
        "DYN040",
        requesting(max_concurrent=100, db_connections=100),
        "100 steps in parallel, and the run's own process, can hold 101 connections",
    ),
    "more slots of workers than connections": (
        "DYN040",
        requesting("celery", None, slots=40, db_connections=40),
        "(1 per process: as Dagster 1.13 opens them: one while it reads or writes)",
    ),
    "more connections than measured steps leave": (
        "DYN040",
        requesting(
            max_concurrent=40,
            db_connections=100,
            process_connections=3,
            sources={"process_connections": "measured with a step run here"},
        ),
        "can hold 123 connections to the instance's database (3 per process: measured with a step",
    ),
    "a pod's limit below the peak": (
        "DYN033",
        replace(
            on_pods(),
            job=JobFacts(executor_config={**MOUNTED, "resources": {"limits": {"memory": "128Mi"}}}),
            step_peak_bytes=168 * 2**20,
        ),
        "may use 128 MiB of memory, and was measured to need 168 MiB",
    ),
    "a container's limit below the peak": (
        "DYN033",
        replace(
            on_pods(executor="docker"),
            job=JobFacts(executor_config={"container_kwargs": {"mem_limit": "128m", **VOLUMES}}),
            step_peak_bytes=168 * 2**20,
        ),
        "may use 128 MiB of memory",
    ),
    "a name that docker-py lacks": (
        "DYN035",
        replace(
            on_pods(executor="docker"),
            job=containers({"cpus": 0.5}),
        ),
        "no 'cpus'",
    ),
    "containers that are gone": (
        "DYN036",
        replace(
            on_pods(executor="docker"),
            job=JobFacts(executor_config={"container_kwargs": {"auto_remove": True, **VOLUMES}}),
        ),
        "the cause is lost",
    ),
    "Dagster's priority under Celery": (
        "DYN037",
        on_pods(executor="celery", max_concurrent=None, tags={"dagster/priority": "1"}),
        "ignores the tag dagster/priority",
    ),
    "files of one host": (
        "DYN038",
        replace(on_pods(), job=JobFacts()),
        "the next step may run on another",
    ),
    "files of one host of Ray": (
        "DYN038",
        replace(on_pods(executor="ray"), job=JobFacts()),
        "under the ray executor the next step may run on another",
    ),
    "files of one container": (
        "DYN038",
        replace(on_pods(executor="docker"), job=JobFacts()),
        "files of one container: under the docker executor the next step runs in another",
    ),
    "files of one host, though resources are set": (
        "DYN038",
        replace(on_pods(), job=JobFacts(executor_config={"step_k8s_config": LIMITED})),
        "the next step may run on another",
    ),
    "a SQLAlchemy that is too new": (
        "DYN041",
        sound(
            instance=InstanceFacts(packages={"dagster-postgres": "0.29.27", "sqlalchemy": "2.1.0"})
        ),
        "do not work together",
    ),
    "forkserver without a list": (
        "DYN012",
        with_executor(start_method="forkserver", preload_modules=None),
        "every step imports your module",
    ),
}

# Near misses: what looks like the cause and is none.
SILENT = {
    "a volume mounted by a step's pod": replace(
        on_pods(),
        job=JobFacts(
            executor_config={"step_k8s_config": {**LIMITED, "pod_spec_config": MOUNTED}},
        ),
    ),
    "a sound job": sound(),
    "dask without a fan-out": replace(
        with_executor(executor="dask"),
        description=make_description(
            executor=replace(SOUND_EXECUTOR, executor="dask"), fan_out=None
        ),
    ),
    "unset on a machine of its own": replace(
        with_executor(max_concurrent=None, effective_max_concurrent=2), advice=None
    ),
    "pool with the instance's default limit": with_pool(default_pool_limit=5),
    "pool on an instance that cannot be read": with_pool(pools_known=False),
    "retries of all steps": sound(
        job=JobFacts(
            tags={"dagster/max_retries": "3", "dagster/retry_strategy": "ALL_STEPS"},
        )
    ),
    "retries switched off by tag": sound(
        job=JobFacts(tags={"dagster/max_retries": "0"}), instance=InstanceFacts(run_retries=2)
    ),
    "in process, not reconstructable": sound(
        description=make_description(
            executor=replace(SOUND_EXECUTOR, executor="in_process"), reconstructable=False
        )
    ),
    "in process, in memory": replace(
        with_executor(executor="in_process"), job=JobFacts(memory_io_managers=("io_manager",))
    ),
    "40 slots for items of a minute": replace(
        ITEM_OF_HALF_A_SECOND_40,
        advice=make_advice(
            current=None,
            workload=replace(
                make_advice().workload,
                items=1000,
                wall_s=replace(make_advice().workload.wall_s, median=60.0),
            ),
        ),
    ),
    "64 slots for 4 items": replace(
        with_executor(max_concurrent=64, effective_max_concurrent=64),
        advice=make_advice(current=None, workload=replace(make_advice().workload, items=4)),
    ),
    "a tag limit that all slots fit": with_executor(tag_concurrency_limits=(TAG_LIMIT,)),
    "a tag limit of another value": with_executor(
        tag_concurrency_limits=({"key": "team", "value": "buying", "limit": 1},)
    ),
    "runs limited by another tag": sound(instance=InstanceFacts(run_tag_limits=("region",))),
    "pods with a limit and a shared volume": on_pods(),
    "pods limited by tags": replace(
        on_pods(max_concurrent=None),
        description=replace(
            on_pods().description,
            executor=ExecutorSetting("k8s", "k8s", tag_concurrency_limits=(TAG_LIMIT,)),
        ),
    ),
    "within quota and connections": requesting(cpu=8, memory_bytes=2 * GIB, db_connections=6),
    "a quota of another executor": replace(
        requesting(), clusters=(Cluster("box", "docker", cpu=1, db_connections=1),)
    ),
    "no requests at all": requesting(requests={}, cpu=1, memory_bytes=1),
    "a small pod with max_concurrent": in_run_pod(max_concurrent=2),
    "a tag for pods on job and op": replace(
        on_pods(tags={K8S: "{}"}), job=JobFacts(tags={K8S: "{}"}, executor_config=MOUNTED)
    ),
    "an op's own limit above the peak": replace(
        on_pods(),
        job=JobFacts(
            executor_config={**MOUNTED, "resources": {"limits": {"memory": "128Mi"}}},
            pod_tags={
                "process_chunk": '{"container_config": {"resources": {"limits": {"memory": "1G"}}}}'
            },
        ),
        step_peak_bytes=168 * 2**20,
    ),
    "docker-py's own names": replace(
        on_pods(executor="docker"),
        job=containers({"nano_cpus": 5, "volumes": ["/a:/b"]}),
    ),
    "Celery's priority": on_pods(executor="celery", tags={"dagster-celery/priority": "1"}),
    "a SQLAlchemy that fits": sound(
        instance=InstanceFacts(packages={"dagster-postgres": "0.29.27", "sqlalchemy": "2.0.51"})
    ),
    "spawn without a list": with_executor(start_method="spawn", preload_modules=None),
    "just fits": with_current(8 * GIB),
    "nothing known": CheckFacts(make_description(executor=None, fan_out=None)),
}


@pytest.mark.parametrize(("code", "facts", "words"), PROVOKED.values(), ids=PROVOKED)
def test_the_rule_names_what_provokes_it_with_a_remedy(code, facts, words):
    findings = run_checks(facts)

    assert [finding.code for finding in findings] == [code]
    assert words in findings[0].message
    assert findings[0].remedy
    assert findings[0].target == facts.description.target.spelled
    assert findings[0].location is not None


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("640Mi", 640 * 2**20),
        ("1G", 10**9),
        ("640m", 640 * 2**20),
        ("1g", 2**30),
        ("1048576", 2**20),
    ],
)
def test_a_limit_is_read_as_kubernetes_or_docker_reads_it(quantity, expected):
    assert bytes_of(quantity) == expected


@pytest.mark.parametrize("facts", SILENT.values(), ids=SILENT)
def test_no_rule_speaks_without_cause(facts):
    assert run_checks(facts) == ()


def test_the_page_of_codes_shows_each_rule_as_it_speaks():
    best: dict[str, float] = defaultdict(float)
    for code, facts, _ in PROVOKED.values():
        (finding,) = run_checks(facts)
        likeness = SequenceMatcher(None, rules()[code].looks, finding.message).ratio()
        best[code] = max(best[code], likeness)
    assert {code for code, likeness in best.items() if likeness < 0.9} == set()


@pytest.mark.parametrize("executor", ["k8s", "ecs"])
def test_a_profile_made_without_the_jobs_cluster_is_no_advice_for_it(executor):
    """What it advises is for one machine: there is nothing to paste, but a cluster to describe."""
    facts = on_pods(executor=executor)
    profiled = ProfiledFacts(facts.description, make_host_facts(), max_regret=0.1)
    facts = replace(facts, advice=make_advice(current=None), profiled=profiled)
    (finding,) = (each for each in run_checks(facts) if each.code == "DYN021")
    assert finding.severity == "warning"
    assert "made without its cluster" in finding.message
    assert "--cluster NAME" in finding.remedy
    assert "config" not in finding.remedy
    on_cluster = make_prediction(Candidate("execute_job", executor, max_concurrent=2))
    advised = make_advice(current=None, config_only=on_cluster)
    assert not [f for f in run_checks(replace(facts, advice=advised)) if f.code == "DYN021"]


def test_every_rule_is_provoked_here():
    beside_a_profile = {"DYN021", "DYN022", "DYN023", "DYN024"}
    provoked = {code for code, _, _ in PROVOKED.values()}
    of_helm_values = {"DYN039"}  # in test_helm.py
    static = {code for code in rules() if code.startswith("DYN0")}
    assert provoked == static - beside_a_profile - of_helm_values


def test_errors_come_before_warnings():
    facts = replace(
        with_executor(fixed_by_code=("max_concurrent",)),
        job=JobFacts(memory_io_managers=("io_manager",)),
    )

    assert [finding.code for finding in run_checks(facts)] == ["DYN008", "DYN002"]
