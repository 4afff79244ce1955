"""Values of Dagster's Helm chart: only names that the chart has, one writer, no password, nothing open.

The names are those of the chart's schema (helm/dagster in Dagster's repository), whose parts refuse any other.
"""

from typing import Any

import pytest
import yaml

from browse_assets.dagster_home import DAGSTER_YAML
from browse_assets.settings import PROJECT_ROOT

VALUES_TEXT = (PROJECT_ROOT / "deploy" / "helm" / "values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(VALUES_TEXT)
AROUND: list[dict[str, Any]] = yaml.safe_load(
    (PROJECT_ROOT / "deploy" / "helm" / "around.yaml").read_text(encoding="utf-8")
)["items"]
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]

POD = (
    "image env envConfigMaps envSecrets labels nodeSelector affinity tolerations podSecurityContext securityContext "
    "resources readinessProbe livenessProbe startupProbe annotations schedulerName volumeMounts volumes"
)
# Part of the values, by the path to it: the names that it may have.
NAMES = {
    "": "global nameOverride fullnameOverride rbacEnabled imagePullSecrets dagsterWebserver computeLogManager "
    "pythonLogs dagster-user-deployments scheduler runLauncher postgresql generatePostgresqlPasswordSecret "
    "generateCeleryConfigSecret rabbitmq redis flower ingress concurrency dagsterDaemon busybox extraManifests migrate "
    "telemetry serviceAccount retention additionalInstanceConfig",
    "global": "postgresqlSecretName dagsterHome serviceAccountName celeryConfigSecretName",
    "dagsterWebserver": f"{POD} replicaCount nameOverride pathPrefix service workspace deploymentLabels enableReadOnly "
    "dbStatementTimeout dbPoolRecycle logLevel",
    "dagsterWebserver.service": "type port annotations",
    "dagster-user-deployments": "enabled enableSubchart imagePullSecrets deployments",
    "dagster-user-deployments.deployments.0": f"{POD} name dagsterApiGrpcArgs codeServerArgs port "
    "includeConfigInLaunchedRuns initContainers sidecarContainers deploymentStrategy",
    "runLauncher": "type config",
    "runLauncher.config.customRunLauncher": "module class config",
    "concurrency": "enabled pools runs",
    "concurrency.pools": "defaultLimit granularity opGranularityRunBuffer",
    "concurrency.runs": "maxConcurrentRuns tagConcurrencyLimits",
    "dagsterDaemon": f"{POD} enabled runCoordinator heartbeatTolerance deploymentLabels runMonitoring runRetries "
    "sensors schedules",
    "dagsterDaemon.runCoordinator": "enabled type config",
    "dagsterDaemon.runMonitoring": "enabled startTimeoutSeconds cancelTimeoutSeconds pollIntervalSeconds "
    "maxResumeRunAttempts freeSlotsAfterRunEndSeconds",
    "postgresql": "enabled image postgresqlHost postgresqlUsername postgresqlPassword postgresqlDatabase "
    "postgresqlParams postgresqlScheme service",
    "retention": "enabled schedule sensor autoMaterialize",
}


def part_at(path: str) -> dict[str, Any]:
    found: Any = VALUES
    for step in filter(None, path.split(".")):
        found = found[int(step) if step.isdecimal() else step]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", NAMES)
def test_names_are_the_chart_s(path: str) -> None:
    assert set(part_at(path)) <= set(NAMES[path].split())


def test_runs_stay_in_the_one_pod_that_has_the_volume() -> None:
    launcher = VALUES["runLauncher"]
    assert launcher["type"] == "CustomRunLauncher"
    assert launcher["config"]["customRunLauncher"] == {"module": "dagster", "class": "DefaultRunLauncher", "config": {}}
    import dagster as dg

    assert dg.DefaultRunLauncher.__name__ == "DefaultRunLauncher"
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE)
        for volume in part["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == ["browse-assets-data"]
    claim = next(item for item in AROUND if item["metadata"]["name"] == "browse-assets-data")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_old_code_server_goes_before_the_new_one_comes() -> None:
    """It holds a lock on its data, and others a volume that one pod mounts: rolled over, the new would never start."""
    assert CODE["deploymentStrategy"] == {"type": "Recreate"}
    own = {i["metadata"]["name"]: i["spec"] for i in AROUND if i["kind"] == "Deployment"}
    with_a_claim = [
        spec for spec in own.values() if "persistentVolumeClaim" in str(spec["template"]["spec"].get("volumes"))
    ]
    assert with_a_claim == [own["mlflow"]]
    assert own["mlflow"]["strategy"] == {"type": "Recreate"}


def test_dagster_is_configured_as_without_kubernetes() -> None:
    """What dagster_home.py writes, under the chart's names."""
    home = yaml.safe_load(DAGSTER_YAML)
    runs, pools = VALUES["concurrency"]["runs"], VALUES["concurrency"]["pools"]
    assert runs["maxConcurrentRuns"] == home["concurrency"]["runs"]["max_concurrent_runs"] == 1
    assert pools == {"defaultLimit": home["concurrency"]["pools"]["default_limit"], "granularity": "run"}
    assert VALUES["additionalInstanceConfig"] == {name: home[name] for name in ("nux", "freshness")}
    assert VALUES["telemetry"] == home["telemetry"]
    for chart, name in (("sensor", "sensor"), ("autoMaterialize", "auto_materialize")):
        kept = VALUES["retention"][chart]["purgeAfterDays"]
        assert {k: v for k, v in kept.items() if k != "started"} == home["retention"][name]["purge_after_days"]
    monitoring = VALUES["dagsterDaemon"]["runMonitoring"]
    assert monitoring["startTimeoutSeconds"] == home["run_monitoring"]["start_timeout_seconds"]


def test_no_password_and_no_door() -> None:
    assert VALUES["postgresql"]["postgresqlPassword"] == ""
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert VALUES["ingress"] == {"enabled": False}
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    kinds = {item["kind"] for item in AROUND}
    assert kinds == {"PersistentVolumeClaim", "Deployment", "Service", "NetworkPolicy"}  # no Secret, no Ingress
    assert not [item for item in AROUND if item["kind"] == "Service" and "type" in item["spec"]]
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


def test_ports_and_prefixes_fit_together() -> None:
    webserver = VALUES["dagsterWebserver"]
    probe = webserver["readinessProbe"]["httpGet"]
    assert (probe["path"], probe["port"]) == (webserver["pathPrefix"] + "/server_info", webserver["service"]["port"])
    services = {item["metadata"]["name"]: item["spec"]["ports"][0] for item in AROUND if item["kind"] == "Service"}
    proxy = next(i for i in AROUND if i["kind"] == "Deployment" and i["metadata"]["name"] == "proxy")
    upstreams = {e["name"]: e["value"] for e in proxy["spec"]["template"]["spec"]["containers"][0]["env"]}
    service = f"dagster-{webserver['nameOverride']}:{webserver['service']['port']}"  # the release's name before it
    assert upstreams["BROWSE_UPSTREAM_DAGSTER"] == service
    assert upstreams["BROWSE_UPSTREAM_VIEW"] == f"dagster-view:{services['dagster-view']['port']}"
    assert upstreams["BROWSE_UPSTREAM_MLFLOW"] == f"mlflow:{services['mlflow']['port']}"


@pytest.mark.parametrize(
    "pod",
    [VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE]
    + [
        {
            "podSecurityContext": item["spec"]["template"]["spec"]["securityContext"],
            "securityContext": item["spec"]["template"]["spec"]["containers"][0]["securityContext"],
        }
        for item in AROUND
        if item["kind"] == "Deployment"
    ],
)
def test_pods_are_confined(pod: dict[str, Any]) -> None:
    assert pod["podSecurityContext"]["runAsNonRoot"] is True
    assert pod["podSecurityContext"]["runAsUser"] in (10001, 10002)
    assert pod["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
