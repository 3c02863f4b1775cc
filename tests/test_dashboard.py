"""Every query of the dashboard and of the alerts uses existing series of `/metrics` with existing labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from svc import metrics
from svc.jobs.measures import QUEUES
from tests.conftest import Service, running_service, test_settings
from tests.routes.tenants import new_tenant

ROOT = Path(__file__).parents[1]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load(
    next(
        block
        for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
        if "alert:" in block
    )
)
ADDED_BY_PROMETHEUS = {"le", "instance", "job"}
# Keywords of the query language that look like names.
FUNCTIONS = {
    "sum", "max", "by", "rate", "increase", "histogram_quantile", "topk", "and", "on", "unless", "absent", "for",
}  # fmt: skip
# The label values that are the same in every service.
VALUES = {
    "outcome": {"hit", "miss", "ready", "error", "postponed", "lease lost", "ok", "failed", "refused"},
    "state": {"queued", "idle", "busy", "limit"},
    "queue": set(QUEUES),
}


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in ALERTS["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def labels_by_series() -> dict[str, set[str]]:
    """The names of the series of this process, each with its labels."""
    found: dict[str, set[str]] = {}
    for collector in metrics.REGISTRY._collector_to_names:
        assert isinstance(collector, MetricWrapperBase)
        labels = set(collector._labelnames)
        for name in metrics.REGISTRY._collector_to_names[collector]:
            found[name] = labels
    return found


SERIES = labels_by_series()
SELECTOR = re.compile(r"(?<![\w:$])([a-z][a-z0-9_]*)(?:\{([^}]*)\})?(?=\[|\s|\)|$)")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def selectors(query: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    bare = re.sub(r"\b(?:by|on) \([^)]*\)", "", query)
    for name, matchers in SELECTOR.findall(bare):
        if name not in FUNCTIONS:
            yield name, MATCHER.findall(matchers)


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_asks_for_what_there_is(query: str) -> None:
    assert query.count("(") == query.count(")")
    named = list(selectors(query))
    assert named, query
    for name, matchers in named:
        assert name in SERIES, f"{query}: there is no series {name}"
        for label, operator, value in matchers:
            assert label in SERIES[name] | ADDED_BY_PROMETHEUS, f"{query}: {name} has no label {label}"
            if operator == "=" and label in VALUES:
                assert value in VALUES[label], f"{query}: {label} is never {value}"
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r",\s*", labels)}
    for label in grouped:
        assert any(label in SERIES[name] | ADDED_BY_PROMETHEUS for name, _ in named), f"{query}: no label {label}"
    if "histogram_quantile" in query:
        assert "le" in grouped
        assert all(name.endswith("_bucket") for name, _ in named)


@pytest.mark.parametrize("query", ["cabinet_no_such_total", 'cabinet_requests_total{kind="x"}', "sum by (colour) (up)"])
def test_a_wrong_query_would_be_found(query: str) -> None:
    with pytest.raises(AssertionError):
        test_a_query_asks_for_what_there_is(query)


def test_the_panels_do_not_overlap_and_have_titles() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not places & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        places |= cells
        assert panel["title"]


async def test_metrics_has_the_series_of_the_registry(database_url: str) -> None:
    """A server exposes the metrics that the other tests read from the registry."""
    async with running_service(test_settings(), database_url) as service:
        await _use(service)
        text = (await service.call("GET", "/metrics", key=None)).text
    shown = {sample.name: set(sample.labels) - {"le"} for family in text_string_to_metric_families(text)
             for sample in family.samples}  # fmt: skip
    assert len(shown) > 20
    for name, labels in shown.items():
        assert SERIES[name] == labels, name


async def _use(service: Service) -> None:
    tenant = await new_tenant(service)
    await tenant.ready_document("a.txt", "A text.")
    await tenant.post("/search", json={"query": "text"})
