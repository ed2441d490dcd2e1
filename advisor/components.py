"""What `dg` offers of dynadvise: see `dg list components`, `dg scaffold defs`."""

from pathlib import Path
from typing import Annotated, Literal

import dagster as dg
from pydantic import Field


class Monitored(dg.Model):
    """What a `DriftMonitor` compares runs with."""

    profile: Annotated[
        str, Field(description="A profile of the job, as a path from the project's root.")
    ]
    way: Annotated[
        Literal["config_only", "recommendation", "current"],
        Field(description="The way that the job runs: as advised, or as it was when measured."),
    ] = "config_only"


class _Scaffolder(dg.Scaffolder[Monitored]):
    @classmethod
    def get_scaffold_params(cls) -> type[Monitored]:
        return Monitored

    def scaffold(self, request: dg.ScaffoldRequest[Monitored]) -> None:
        dg.scaffold_component(request, request.params.model_dump())


@dg.scaffold_with(_Scaffolder)
class DriftMonitor(dg.Component, dg.Resolvable, Monitored):
    """A sensor that compares each finished run of a job with what dynadvise predicted of it.

    It tags the run (`dynadvise/drift`) and logs the figures. Switch it on under Automation.
    """

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The sensor.

        Raises:
            DynadviseError: The profile cannot be read, is of no job, or has no such prediction.
        """
        from advisor import store
        from advisor.api.emitting import drift_sensor

        saved = store.read(Path(context.project_root) / self.profile)
        return dg.Definitions(sensors=[drift_sensor(saved, self.way)])
