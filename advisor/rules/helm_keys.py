"""Names of values that Dagster's official Helm chart takes.

Those of the chart that a user has come from its schema and its default values (`keys_of_chart`).
`CHART` stands in where there is none at hand: what matters for fan-outs, as of dagster 1.13. A
mapping without names is open: Kubernetes' own fields, other charts' values.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from advisor.domain.rule_facts import HelmChart

Keys = Mapping[str, "Keys"]

OPEN: Keys = {}
OTHER_CHARTS = ("postgresql", "rabbitmq", "redis")
"""On which the chart depends: their values are theirs."""
_POD = """affinity annotations env envConfigMaps envSecrets image labels livenessProbe nodeSelector
podSecurityContext readinessProbe resources schedulerName securityContext startupProbe tolerations
volumeMounts volumes initContainerResources initContainers extraContainers replicaCount
deploymentLabels deploymentAnnotations deploymentStrategy podAnnotations priorityClassName
serviceAccountName topologySpreadConstraints extraPrependedInitContainers
checkDbReadyInitContainer"""


class Closed(dict[str, Keys]):
    """Names of which the schema says that there are no others."""


def _keys(names: str, **nested: Keys) -> Keys:
    return dict.fromkeys(names.split(), OPEN) | nested


def _closed(names: str, **nested: Keys) -> Keys:
    return Closed(_keys(names, **nested))


_LIMITS = _closed("key value limit")
_QUEUE = _closed(
    "maxConcurrentRuns dequeueIntervalSeconds dequeueUseThreads dequeueNumWorkers",
    tagConcurrencyLimits=_LIMITS,
    blockOpConcurrencyLimitedRuns=_keys("enabled opConcurrencySlotBuffer"),
)
_CLASS = _keys("module class config")
_LAUNCHER = _closed(
    """image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile envConfigMaps
    envSecrets envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName
    securityContext""",
    runK8sConfig=_closed(
        "containerConfig podSpecConfig podTemplateSpecMetadata jobSpecConfig jobMetadata"
    ),
)
_CELERY = _closed(
    """image imagePullPolicy nameOverride configSource env envConfigMaps envSecrets annotations
    nodeSelector affinity tolerations podSecurityContext securityContext resources livenessProbe
    volumeMounts volumes labels failPodOnRunFailure schedulerName jobNamespace
    checkDbReadyInitContainer""",
    workerQueues=_closed("replicaCount name labels nodeSelector configSource additionalCeleryArgs"),
)
_DEPLOYMENTS = _keys(
    f"""{_POD} name dagsterApiGrpcArgs codeServerArgs deploymentNamespace port sidecarContainers
    includeConfigInLaunchedRuns service""",
)

CHART: Keys = _keys(
    """nameOverride fullnameOverride rbacEnabled imagePullSecrets postgresql
    generatePostgresqlPasswordSecret generateCeleryConfigSecret rabbitmq redis flower ingress
    busybox migrate telemetry serviceAccount global retention additionalInstanceConfig
    extraManifests scheduler pythonLogs computeLogManager pipelineRun dagit""",
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
    runLauncher=_closed(
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
        runCoordinator=_closed(
            "enabled type",
            config=_keys("", queuedRunCoordinator=_QUEUE, customRunCoordinator=_CLASS),
        ),
    ),
    concurrency=_closed(
        "enabled",
        pools=_closed("defaultLimit granularity opGranularityRunBuffer"),
        runs=_closed("maxConcurrentRuns", tagConcurrencyLimits=_LIMITS),
    ),
)


def keys_of_chart(chart: HelmChart) -> Keys:
    """The names that a chart's schema lists, and those of its default values that it does not."""
    named = _named(chart.schema, chart.schema) or OPEN
    by_hand = CHART if chart.defaults is None else {}
    return {
        **_with_defaults(named, by_hand or chart.defaults),
        **{key: by_hand[key] for key in by_hand.keys() - named.keys()},
        **dict.fromkeys(OTHER_CHARTS, OPEN),
    }


def _with_defaults(named: Keys, defaults: object) -> Keys:
    """What is open, and what is closed, stays so; a list's objects have the names of all."""
    if isinstance(defaults, list):
        return reduce(_with_defaults, defaults, named)
    if not named or isinstance(named, Closed) or not isinstance(defaults, Mapping):
        return named
    others = dict.fromkeys((str(key) for key in defaults), OPEN)
    return others | {key: _with_defaults(each, defaults.get(key)) for key, each in named.items()}


def _named(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Keys | None:
    """The names of an object, or of a list's objects; None of anything else."""
    reference = str(node.get("$ref", ""))
    if reference.startswith("#/"):  # definitions in older charts, $defs in newer ones
        place = reference.removeprefix("#/").split("/")
        return _named(reduce(lambda part, key: part.get(key, {}), place, schema), schema)
    if reference or (node.get("additionalProperties") is True and node is not schema):
        return OPEN  # Kubernetes' own
    if isinstance(node.get("items"), dict):
        return _named(node["items"], schema)
    if "anyOf" in node:
        choices = [keys for each in node["anyOf"] if (keys := _named(each, schema)) is not None]
        return choices[0] if len(choices) == 1 else OPEN if choices else None
    if "properties" in node:
        names = {key: _named(each, schema) or OPEN for key, each in node["properties"].items()}
        return Closed(names) if node.get("additionalProperties") is False else names
    return OPEN if node.get("type") == "object" else None
