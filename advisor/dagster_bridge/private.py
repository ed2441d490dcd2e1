"""Every private Dagster name that this project uses, imported in this one place.

Dagster may move or change these between releases; a test pins each of them, so that an upgrade
fails there first and by name.
"""

from __future__ import annotations

from dagster._config import process_config
from dagster._core.code_pointer import FileCodePointer, ModuleCodePointer, load_python_file
from dagster._core.definitions.definition_config_schema import ConfiguredDefinitionConfigSchema
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
    FromDynamicCollect,
    FromLoadableAsset,
    FromMultipleSources,
    FromPendingDynamicStepOutput,
    FromStepOutput,
    FromUnresolvedStepOutput,
)
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

__all__ = [
    "ConfiguredDefinitionConfigSchema",
    "DbIOManager",
    "DirectOpExecutionContext",
    "ExecutionPlan",
    "FileCodePointer",
    "FromConfig",
    "FromDefaultValue",
    "FromDynamicCollect",
    "FromLoadableAsset",
    "FromMultipleSources",
    "FromPendingDynamicStepOutput",
    "FromStepOutput",
    "FromUnresolvedStepOutput",
    "InMemoryIOManager",
    "LazyDefinitions",
    "ModuleCodePointer",
    "OpConfig",
    "PickledObjectFilesystemIOManager",
    "ReconstructableJob",
    "ReconstructableRepository",
    "ResolvedRunConfig",
    "UnresolvedAssetJobDefinition",
    "UnresolvedCollectExecutionStep",
    "UnresolvedMappedExecutionStep",
    "default_job_io_manager",
    "default_job_io_manager_with_fs_io_manager_schema",
    "load_python_file",
    "process_config",
]

# --- reading recorded runs (event_log.py, recorded_instance.py) ---
from dagster._core.instance import InstanceRef
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.base import RunStorage
from dagster._serdes import ConfigurableClassData, serialize_value

__all__ += [
    "ConfigurableClassData",
    "DagsterStorage",
    "EventLogStorage",
    "InstanceRef",
    "RunRecord",
    "RunStorage",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "serialize_value",
]

# --- timing Dagster's own bookkeeping (calibration_job.py) ---
from dagster._core.execution.api import create_execution_plan  # noqa: E402
from dagster._core.execution.plan.active import ActiveExecution  # noqa: E402
from dagster._core.execution.plan.state import KnownExecutionState  # noqa: E402
from dagster._core.execution.retries import RetryMode  # noqa: E402

__all__ += [
    "ActiveExecution",
    "KnownExecutionState",
    "RetryMode",
    "create_execution_plan",
]
