"""redrive(): refused spans come in once, the others stay once, whatever happens in between."""

from __future__ import annotations

import base64
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

import argus_lab as al
from argus_lab.lake import keeper, redrive, upkeep
from argus_lab.lake.journal import Entry, JournalWriter, pack
from argus_lab.lake.table import journal_root
from argus_lab.settings import Settings, read

RECEIVED = 1_772_366_400_123_456_000
START = 1_772_366_400_000_000_000


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _request(*resources: dict[str, str], trace_id: str = "0af7651916cd43dd8448eb211c80319c") -> bytes:
    """A JSON request with a span for each resource."""
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": [_attribute(*pair) for pair in resource.items()]},
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "traceId": trace_id,
                                    "spanId": f"{n + 1:016x}",
                                    "name": f"span {n}",
                                    "startTimeUnixNano": str(START + n),
                                    "endTimeUnixNano": str(START + n + 1000),
                                }
                            ]
                        }
                    ],
                }
                for n, resource in enumerate(resources)
            ]
        }
    ).encode()


def _deliver(config: Settings, *bodies: bytes, encoding: Any = "json") -> None:
    writer = JournalWriter(journal_root(config.lake))
    writer.append(
        [pack(Entry(RECEIVED + n * 1_000_000, encoding, None, body)) for n, body in enumerate(bodies)]
    )
    writer.close()
    keeper.drain(config)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """Settings of a lake of its own."""
    return read({}, lake=str(tmp_path / "lake"))


BOT, SHOP, NOBODY = {"service.name": "bot"}, {"service.name": "shop"}, {}
OWNED = {"service.name": "bot", "argus.project": "mine"}


def test_what_was_refused_for_want_of_a_project_comes_in(config: Settings):
    """Spans without a project are taken in under the given one, and leave the refused table."""
    _deliver(config, _request(OWNED, BOT, SHOP))
    lake = al.open(config.lake)
    assert (lake.count(), len(lake.refused())) == (1, 2)
    told = lake.redrive(project="customer-bot")
    assert told["accepted"].tolist() == [True, True]
    assert told["project"].tolist() == ["customer-bot"] * 2
    assert sorted(told["service"]) == ["bot", "shop"]
    assert told["reason"].isna().all()
    assert sorted(lake.spans()["name"]) == ["span 0", "span 1", "span 2"]
    assert len(lake.refused()) == 0
    assert told.attrs["argus"]["asked"] == {"project": "customer-bot"}


def test_one_service_can_be_brought_in(config: Settings):
    """A refused span knows its service although it has no project, so services can be told apart."""
    _deliver(config, _request(BOT, SHOP))
    lake = al.open(config.lake)
    assert len(lake.refused(service="shop")) == 1
    told = lake.redrive(project="customer-bot", service="shop")
    assert told["service"].tolist() == ["shop"]
    assert lake.spans()["service"].tolist() == ["shop"]
    assert lake.refused()["service"].tolist() == ["bot"]


def test_a_span_that_is_still_refused_stays_once(config: Settings):
    """No service: it is told why, and stands in refused() as it stood, however often one tries."""
    _deliver(config, _request(BOT, NOBODY))
    lake = al.open(config.lake)
    before = lake.refused(columns="all")
    for attempt in range(3):
        told = lake.redrive(project="customer-bot")
        assert sorted(told["accepted"]) == ([False, True] if attempt == 0 else [False])
        assert "service" in told["message"].dropna().item()
    after = lake.refused(columns="all")
    kept = before[before["name"] == "span 1"].reset_index(drop=True)
    assert after.equals(kept)
    assert lake.count() == 1


def test_the_span_keeps_when_it_was_received(config: Settings):
    """received_at is the original delivery, not the redrive."""
    _deliver(config, _request(BOT))
    lake = al.open(config.lake)
    lake.redrive(project="p")
    received = lake.spans()["received_at"][0]
    assert received.value // 1000 == RECEIVED // 1000
    assert lake.spans()["start_unix_nano"].tolist() == [START]


def test_a_span_that_names_its_project_keeps_it(config: Settings):
    """The given project is for spans without one, as the request header is."""
    _deliver(config, _request({"argus.project": "mine"}))
    lake = al.open(config.lake)
    assert lake.refused()["reason"].tolist() != []
    assert lake.redrive(project="other")["accepted"].tolist() == [False]


def test_protobuf_comes_in_too(config: Settings):
    """A span that was sent as protobuf is kept and redriven as protobuf."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="bot")))
    span = resource.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes(range(16)), bytes(range(8)), "from protobuf"
    _deliver(config, request.SerializeToString(), encoding="protobuf")
    lake = al.open(config.lake)
    refused = lake.refused(columns="all").iloc[0]
    assert refused["encoding"] == "protobuf"
    assert ExportTraceServiceRequest.FromString(base64.b64decode(refused["body"])).resource_spans
    assert lake.redrive(project="p")["accepted"].tolist() == [True]
    assert lake.spans()["trace_id"].tolist() == [bytes(range(16)).hex()]


def test_filters_and_limit_choose(config: Settings):
    """Only what was asked for is tried, the oldest first, and the frame says what was left."""
    _deliver(config, _request(BOT, SHOP), _request(BOT, trace_id="f" * 32))
    lake = al.open(config.lake)
    told = lake.redrive(project="p", where="name = 'span 0'", limit=1)
    assert told["trace_id"].tolist() == ["0af7651916cd43dd8448eb211c80319c"]
    assert told.attrs["argus"]["matched"] == 2
    assert told.attrs["argus"]["cut"]
    assert sorted(lake.refused()["name"]) == ["span 0", "span 1"]
    assert len(lake.redrive(project="p", reason="no such reason")) == 0
    assert len(lake.redrive(project="p", where="name = $n", params={"n": "span 1"})) == 1


def test_nothing_to_do_is_an_empty_frame(config: Settings):
    """Without refused spans the answer has its columns and no rows."""
    _deliver(config, _request(OWNED))
    told = al.open(config.lake).redrive(project="p")
    assert told.shape == (0, 9)
    assert str(told.dtypes["accepted"]) == "boolean"


def test_a_crash_before_the_refusal_is_deleted_repeats_harmlessly(
    config: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Killed between the two steps, the next redrive finds the span taken in and only tidies up."""
    _deliver(config, _request(BOT))
    lake = al.open(config.lake)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(redrive, "_forget", crash)
        with pytest.raises(KeyboardInterrupt):
            lake.redrive(project="p")
    assert (lake.count(), len(lake.refused())) == (1, 1)
    assert lake.redrive(project="p")["accepted"].tolist() == [True]
    assert (lake.count(), len(lake.refused())) == (1, 0)


def test_redrive_beside_a_keeper_and_compaction(config: Settings):
    """While a keeper takes in and merges, every refused span comes in exactly once."""
    for n in range(6):
        _deliver(config, _request(BOT, NOBODY, trace_id=f"{n + 1:032x}"))
    stop = threading.Event()
    kept = threading.Thread(target=keeper.run, args=(config,), kwargs={"should_stop": stop.is_set})
    kept.start()
    merging = threading.Thread(target=_merge_until, args=(config, stop))
    merging.start()
    try:
        lake = al.open(config.lake)
        seen = [lake.redrive(project="p", limit=2) for _ in range(8)]
    finally:
        stop.set()
        kept.join()
        merging.join()
    assert sum(frame["accepted"].sum() for frame in seen) <= 6
    lake.redrive(project="p")
    assert lake.count() == 6
    assert lake.spans()["trace_id"].is_unique
    assert len(lake.refused()) == 6
    assert lake.refused()["refusal_id"].is_unique


def _merge_until(config: Settings, stop: threading.Event) -> None:
    while not stop.is_set():
        upkeep.compact(config)
        time.sleep(0.01)


@pytest.mark.parametrize("project", ["", "  "])
def test_a_blank_project_is_refused(tiny: al.Lake, project: str):
    """A blank name is a slip, not a project."""
    with pytest.raises(al.InvalidArgument, match="name of a project"):
        tiny.redrive(project=project)


def test_a_pinned_lake_is_not_written(tiny_lake: str):
    """as_of looks at the past; it cannot change it."""
    with pytest.raises(al.InvalidArgument, match="read only"):
        al.open(tiny_lake, as_of=1).redrive(project="p")
