"""Twelve kinds of real project, built small: what fans out in each, and what a run gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Workload:
    """A job or asset of a project.

    ``listed`` is what the user types after ``dynadvise list``; ``commands`` are the targets that
    it must name; ``target`` is measured. ``gives`` is the output of the op ``collects``.
    """

    folder: str
    commands: tuple[str, ...]
    mapped: tuple[int, ...]
    collects: str
    gives: list[object]
    listed: str = ""
    kind: str = "batch"
    partition: str | None = None
    measured: str = ""

    @property
    def path(self) -> Path:
        return HERE / self.folder

    @property
    def target(self) -> str:
        """What is measured: the first of the commands, or what no list can find."""
        return self.measured or self.commands[0]


PROJECTS = (
    Workload(
        "dg_bakery",
        ("bakery.definitions:bake_job -d src",),
        (1,),
        "serve",
        [180, 181, 182, 183],
    ),
    Workload(
        "asset_orders",
        ("orders.definitions:orders_scored", "orders.definitions:all_scores"),
        (1, 1),
        "orders_scored.gather",
        [90, 30, 60],
    ),
    Workload(
        "partitioned_days",
        ("definitions:visitors_job", "definitions:visitors"),
        (1, 1),
        "gather",
        ["tuesday 0", "tuesday 1", "tuesday 2"],
        partition="tuesday",
    ),
    Workload(
        "env_weather",
        ("weather.py:weather_job",),
        (1,),
        "tell",
        ["sunny in Oslo", "sunny in Rome", "sunny in Bonn"],
    ),
    Workload("scheduled_mail", ("mail.definitions:mail_job",), (1,), "log", [0, 10, 20, 30]),
    Workload(
        "factory_tables",
        ("tables.py:people_job", "tables.py:places_job"),
        (1, 1),
        "done_people",
        ["people 0", "people 1", "people 2"],
        listed="tables.py",
    ),
    Workload("async_pool", ("definitions:crawl_job",), (2,), "index", ["AA", "BB", "CC", "DD"]),
    Workload(
        "graph_inputs",
        ("prices.py:retail_job", "prices.py:wholesale_job"),
        (1, 1),
        "bill",
        [2, 12, 22],
        listed="prices.py",
    ),
    Workload(
        "optional_sorting",
        ("definitions:delivery_job",),
        (3,),
        "report",
        ["truck 3", "truck 4", "bike 0", "bike 1", "bike 2"],
    ),
    Workload("two_fan_outs", ("definitions:training_job",), (1,), "model", [200, 202, 204]),
    Workload(
        "subprocess_lines", ("definitions:convert_job",), (1,), "gather", ["ONE", "TWO", "THREE"]
    ),
    Workload(
        "provided_job",
        ("container.py:rating",),
        (0,),
        "publish",
        ["x: 1.5", "y: 1.5", "z: 1.5"],
        listed="container.py",
        measured="container.py:Container.job",
    ),
)
