"""Every private Dagster name that this project uses, imported in this one place.

Dagster may move or change these between releases; a test pins each of them, so that an upgrade
fails there first and by name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dagster._config import process_config
from dagster._core.code_pointer import FileCodePointer, ModuleCodePointer, load_python_file
from dagster._core.definitions.definition_config_schema import ConfiguredDefinitionConfigSchema
from dagster._core.definitions.dependency import Node, NodeHandle
from dagster._core.definitions.job_definition import (
    default_job_io_manager,
    default_job_io_manager_with_fs_io_manager_schema,
)
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.context.invocation import DirectOpExecutionContext
from dagster._core.execution.plan.inputs import (
    FromConfig,
    FromDefaultValue,
    FromDirectInputValue,
    FromDynamicCollect,
    FromLoadableAsset,
    FromMultipleSources,
    FromPendingDynamicStepOutput,
    FromStepOutput,
    FromUnresolvedStepOutput,
)
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import (
    UnresolvedCollectExecutionStep,
    UnresolvedMappedExecutionStep,
)
from dagster._core.storage.db_io_manager import DbIOManager
from dagster._core.storage.fs_io_manager import PickledObjectFilesystemIOManager
from dagster._core.storage.mem_io_manager import InMemoryIOManager
from dagster._core.system_config.objects import OpConfig, ResolvedRunConfig
from dagster.components.definitions import LazyDefinitions
from dagster_shared.check import CheckError

if TYPE_CHECKING:
    from dagster._core.definitions.executor_definition import (
        _core_multiprocess_executor_creation,
    )
    from dagster._core.execution.api import create_execution_plan
    from dagster._core.execution.plan.active import ActiveExecution
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.execution.retries import RetryMode
    from dagster._core.instance import InstanceRef
    from dagster._core.storage.base_storage import DagsterStorage
    from dagster._core.storage.dagster_run import RunRecord
    from dagster._core.storage.event_log.base import EventLogStorage
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from dagster._core.storage.runs.base import RunStorage
    from dagster._core.workspace.load import location_origins_from_yaml_paths
    from dagster._grpc.types import ExecuteStepArgs
    from dagster._serdes import ConfigurableClassData, serialize_value

# Those below import Dagster's storages (sqlalchemy, alembic: some 500 modules). They are imported
# when they are asked for: a child that measures what an import costs must not have them before.
_ON_DEMAND = {
    # reading recorded runs (event_log, recorded_instance)
    "ConfigurableClassData": "dagster._serdes",
    "DagsterStorage": "dagster._core.storage.base_storage",
    "EventLogStorage": "dagster._core.storage.event_log.base",
    "InstanceRef": "dagster._core.instance",
    "RunRecord": "dagster._core.storage.dagster_run",
    "RunStorage": "dagster._core.storage.runs.base",
    "SqlEventLogStorage": "dagster._core.storage.event_log.sql_event_log",
    "SqlEventLogStorageTable": "dagster._core.storage.event_log.schema",
    "serialize_value": "dagster._serdes",
    # finding a project (code_locations.py)
    "location_origins_from_yaml_paths": "dagster._core.workspace.load",
    # timing Dagster's own bookkeeping (calibration_job.py)
    "ExecuteStepArgs": "dagster._grpc.types",
    "ActiveExecution": "dagster._core.execution.plan.active",
    "KnownExecutionState": "dagster._core.execution.plan.state",
    "RetryMode": "dagster._core.execution.retries",
    "create_execution_plan": "dagster._core.execution.api",
    "_core_multiprocess_executor_creation": "dagster._core.definitions.executor_definition",
}


def __getattr__(name: str) -> object:
    """Import one of the names above on its first use."""
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ON_DEMAND[name]), name)
    globals()[name] = value
    return value


def compute_function(op: object) -> Any:
    """The function under an op's decorator; None for an op made in another way, and for no op."""
    return getattr(getattr(op, "compute_fn", None), "decorated_fn", None)


def is_same_op(one: object, other: object) -> bool:
    """Whether two definitions are one op: Dagster copies them for hooks, tags and config."""
    function = compute_function(other)
    return one is other or (function is not None and compute_function(one) is function)


def is_default_io_manager(definition: object) -> bool:
    """Whether it is the IO manager that Dagster gives to every job."""
    defaults = (default_job_io_manager, default_job_io_manager_with_fs_io_manager_schema)
    return any(definition is default for default in defaults)
