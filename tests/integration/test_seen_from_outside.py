"""What deploy/ shows of the services is what they expose: no panel is empty by a wrong name, none is missing."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest
import yaml

from services.devices import broker_folder
from shared.settings import AccessSettings, AnalyticsSettings, ApiSettings, IngestSettings
from tests.integration.asking import ready_url
from tests.integration.test_ingest import free_port
from tests.waiting import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME = re.compile(r"\b(?:vouch|process|python)_[a-z_]+")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def dashboard() -> dict[str, Any]:
    return json.loads((DEPLOY / "grafana" / "dashboards" / "vouch.json").read_text(encoding="utf-8"))


def expressions() -> list[str]:
    """All that the dashboard's panels and the alert rules ask Prometheus."""
    targets = [target for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    return [target["expr"] for target in targets] + [rule["expr"] for rule in rules]


def families(text: str) -> dict[str, str]:
    """Name and type of each family of an answer of /metrics."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


@pytest.fixture
def exposed(service: Callable[..., Popen[bytes]], tmp_path: Path) -> dict[str, str]:
    """What the three services expose together."""
    ingest, analytics = free_port(), free_port()
    service("ingest", VOUCH_INGEST_METRICS_PORT=str(ingest))
    service("analytics", VOUCH_ANALYTICS_METRICS_PORT=str(analytics))
    service("api", VOUCH_API_PORT="0")
    urls = [f"http://127.0.0.1:{ingest}", f"http://127.0.0.1:{analytics}", ready_url(tmp_path / "api-3.log")]
    for url in urls:
        wait_for(lambda url=url: answers(url), what=f"{url} to answer")
    return {name: kind for url in urls for name, kind in families(httpx.get(f"{url}/metrics").text).items()}


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_every_metric_of_the_dashboard_and_the_alerts_exists_and_every_metric_of_ours_has_its_panel(
    exposed: dict[str, str],
) -> None:
    samples = {f"{family}{suffix}": family for family, kind in exposed.items() for suffix in _SUFFIXES.get(kind, ("",))}
    asked = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert asked - samples.keys() == set()
    shown = {samples[name] for name in asked}
    ours = {name for name in exposed if name.startswith("vouch_") and not name.endswith("_created")}
    assert len(ours) > 20
    assert ours - shown == set()


def test_the_dashboard_is_complete_as_far_as_json_tells() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["title"]
            assert all(target["expr"] for target in panel["targets"])


async def test_analytics_and_api_say_whether_their_database_is_there(
    service: Callable[..., Popen[bytes]], database_url: str
) -> None:
    port = free_port()
    service("analytics", VOUCH_ANALYTICS_METRICS_PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(url), what="analytics to answer")
    answer = httpx.get(f"{url}/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["database"]["ok"] is True
    assert httpx.get(f"{url}/elsewhere").status_code == 404


def test_the_settings_of_the_containers_are_settings_of_the_services() -> None:
    """Names that nobody reads would be ignored in silence."""
    services = (IngestSettings, AnalyticsSettings, ApiSettings, AccessSettings)
    fields = {f"VOUCH_{name}".upper() for kind in services for name in kind.model_fields}
    image = (DEPLOY / "image" / "Dockerfile").read_text(encoding="utf-8")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    named = set(re.findall(r"VOUCH_[A-Z_]+", image))
    for part in compose["services"].values():
        named |= {name for name in part.get("environment", {}) if name.startswith("VOUCH_")}
        named |= {name.upper() for name in part.get("secrets", []) if name.startswith("vouch_")}
    assert named - fields == set()


def test_what_admin_env_says_holds_in_the_container_of_the_tools(tmp_path: Path) -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    tools = compose["services"]["tools"]
    folder = tmp_path / "broker"
    broker_folder.create(folder, hosts=["vouch.example.org"], service_host="broker", now=datetime.now(UTC))
    said = dict(line.split("=", 1) for line in (folder / "admin.env").read_text().splitlines())
    assert "@broker:8883" in said["VOUCH_MQTT_ADMIN_URL"]
    assert "broker" in compose["services"]
    inside = {target: source for source, target, *_ in (volume.split(":") for volume in tools["volumes"])}
    for name in [name for name, value in said.items() if value.startswith(str(folder))]:
        here = Path(said[name]).relative_to(folder)
        assert inside[tools["environment"][name]] == f"./broker/{here}", name


def test_who_may_say_that_a_browser_came_by_https_reaches_the_api_by_loopback_only() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    trusting = [part for part in compose["services"].values() if "FORWARDED_ALLOW_IPS" in part.get("environment", {})]
    assert trusting == [compose["services"]["api"]]
    assert all(port.startswith("127.0.0.1:") for part in trusting for port in part["ports"])


def test_compose_refers_only_to_what_is_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    for part in compose["services"].values():
        assert set(part.get("secrets", [])) <= compose["secrets"].keys()
        assert set(part.get("depends_on", [])) <= compose["services"].keys()
        for volume in part.get("volumes", []):
            source = volume.split(":")[0]
            made_later = source.startswith("./broker")
            assert made_later or (DEPLOY / source).exists() if source.startswith("./") else source in compose["volumes"]
