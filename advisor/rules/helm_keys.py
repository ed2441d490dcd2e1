"""Names of values that Dagster's official Helm chart takes, where they matter for fan-outs.

Put down by hand, for the chart of dagster 1.13; a chart's own ``values.schema.json`` says more
(`keys_of_schema`). A mapping without names is open: Kubernetes' own fields, other charts' values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Keys = Mapping[str, "Keys"]

OPEN: Keys = {}


def _keys(names: str, **nested: Keys) -> Keys:
    return dict.fromkeys(names.split(), OPEN) | nested


_POD = """affinity annotations env envConfigMaps envSecrets image labels livenessProbe nodeSelector
podSecurityContext readinessProbe resources schedulerName securityContext startupProbe tolerations
volumeMounts volumes initContainerResources initContainers extraContainers replicaCount
deploymentLabels deploymentAnnotations podAnnotations priorityClassName serviceAccountName
topologySpreadConstraints"""
_LIMITS = _keys("key value limit")
_QUEUE = _keys(
    "maxConcurrentRuns dequeueIntervalSeconds dequeueUseThreads dequeueNumWorkers",
    tagConcurrencyLimits=_LIMITS,
    blockOpConcurrencyLimitedRuns=_keys("enabled opConcurrencySlotBuffer"),
)
_CLASS = _keys("module class config")
_LAUNCHER = _keys(
    """image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile envConfigMaps
    envSecrets envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName
    securityContext serviceAccountName""",
    runK8sConfig=_keys(
        "containerConfig podSpecConfig podTemplateSpecMetadata jobSpecConfig jobMetadata jobConfig"
    ),
)
_CELERY = _keys(
    f"""{_POD} imagePullPolicy nameOverride configSource failPodOnRunFailure jobNamespace""",
    workerQueues=_keys(
        "replicaCount name labels nodeSelector configSource additionalCeleryArgs tolerations"
    ),
)
_DEPLOYMENTS = _keys(
    f"""{_POD} name dagsterApiGrpcArgs codeServerArgs deploymentNamespace port sidecarContainers
    includeConfigInLaunchedRuns service""",
)

CHART: Keys = _keys(
    """nameOverride fullnameOverride rbacEnabled imagePullSecrets postgresql
    generatePostgresqlPasswordSecret generateCeleryConfigSecret rabbitmq redis flower ingress
    busybox migrate telemetry serviceAccount global retention additionalInstanceConfig
    extraManifests scheduler pythonLogs computeLogManager""",
    dagsterWebserver=_keys(
        f"""{_POD} nameOverride pathPrefix service workspace enableReadOnly dbStatementTimeout
        dbPoolRecycle dbPoolMaxOverflow logLevel logFormat""",
    ),
    **{
        "dagster-user-deployments": _keys(
            """enabled enableSubchart imagePullSecrets nameOverride fullnameOverride global
            postgresqlSecretName celeryConfigSecretName dagsterHome serviceAccount
            serviceAccountName rbacEnabled extraManifests""",
            deployments=_DEPLOYMENTS,
        )
    },
    runLauncher=_keys(
        "type",
        config=_keys(
            "",
            k8sRunLauncher=_LAUNCHER,
            celeryK8sRunLauncher=_CELERY,
            customRunLauncher=_CLASS,
        ),
    ),
    dagsterDaemon=_keys(
        f"""{_POD} enabled heartbeatTolerance runMonitoring runRetries sensors schedules backfills
        logFormat""",
        runCoordinator=_keys(
            "enabled type",
            config=_keys("", queuedRunCoordinator=_QUEUE, customRunCoordinator=_CLASS),
        ),
    ),
    concurrency=_keys(
        "enabled",
        pools=_keys("defaultLimit granularity opGranularityRunBuffer"),
        runs=_keys("maxConcurrentRuns", tagConcurrencyLimits=_LIMITS),
    ),
)


def keys_of_schema(schema: Mapping[str, Any]) -> Keys:
    """The names that a chart's own JSON schema lists, and those of `CHART`."""
    return _joined(_named(schema, schema) or OPEN, CHART)


def _named(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Keys | None:
    """The names of an object, or of a list's objects; None of anything else."""
    reference = str(node.get("$ref", ""))
    if reference.startswith("#/definitions/"):
        return _named(schema.get("definitions", {}).get(reference.rsplit("/", 1)[-1], {}), schema)
    if reference:
        return OPEN  # Kubernetes' own
    if "anyOf" in node:
        found = [keys for each in node["anyOf"] if (keys := _named(each, schema)) is not None]
        return found[0] if len(found) == 1 else OPEN if found else None
    if isinstance(node.get("items"), dict):
        return _named(node["items"], schema)
    if "properties" in node:
        return {key: _named(each, schema) or OPEN for key, each in node["properties"].items()}
    return OPEN if node.get("type") == "object" else None


def _joined(one: Keys, other: Keys) -> Keys:
    """All names of both; open where either is, but for a name that one of them alone has."""
    if not one or not other:
        return OPEN
    both = one.keys() & other.keys()
    return {**one, **other, **{key: _joined(one[key], other[key]) for key in both}}
