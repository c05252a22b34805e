"""Content encodings: what goes in comes out, and no more than the limit ever does."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.errors import MalformedPayload, PayloadTooLarge
from argus_lab.otlp import inflate

MIB = 1024 * 1024


def _raw(data: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(data) + squeezer.flush()


WAYS = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP with blanks": (" GZip ", gzip.compress),
    "several members": (
        "gzip",
        lambda data: (
            gzip.compress(data[:3], mtime=0) + gzip.compress(data[3:], mtime=0) + gzip.compress(b"", mtime=0)
        ),
    ),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", _raw),
    "identity": ("identity", bytes),
    "empty": ("", bytes),
    "none": (None, bytes),
}


@given(st.binary(max_size=300), st.sampled_from(sorted(WAYS)))
def test_what_was_squeezed_comes_out(data: bytes, way: str):
    """Every encoding that senders use, in every spelling, gives the bytes back."""
    name, squeeze = WAYS[way]
    assert inflate(squeeze(data), name, limit=300) == data


@pytest.mark.parametrize("way", sorted(WAYS))
def test_the_limit_is_exact(way: str):
    """As many bytes as the limit come out; one more is too large."""
    name, squeeze = WAYS[way]
    assert inflate(squeeze(b"x" * 1000), name, limit=1000) == b"x" * 1000
    with pytest.raises(PayloadTooLarge, match="999 bytes"):
        inflate(squeeze(b"x" * 1000), name, limit=999)


@pytest.mark.parametrize("members", [1, 200])
def test_a_bomb_takes_no_more_memory_than_the_limit(members: int):
    """A small body that would become 200 MiB is refused while memory stays near the limit."""
    bomb = gzip.compress(bytes(200 * MIB // members)) * members
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            inflate(bomb, "gzip", limit=2 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MIB


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"no gzip at all", "gzip"),
        (zlib.compress(b"spans"), "gzip"),
        (gzip.compress(b"spans", mtime=0) + b"rubbish", "gzip"),
        (b"no deflate at all", "deflate"),
        (b"spans", "br"),
        (b"spans", "gzip, gzip"),
        (b"spans", "zstd"),
    ],
)
def test_what_is_not_of_its_encoding_is_malformed(body: bytes, name: str):
    """A wrong or unknown encoding is the sender's mistake, and says so."""
    with pytest.raises(MalformedPayload):
        inflate(body, name, limit=1000)


@pytest.mark.parametrize("way", ["gzip", "deflate", "raw deflate", "several members"])
def test_a_body_cut_short_is_malformed_at_every_byte(way: str):
    """No part of a compressed body passes for the whole, except where a gzip member ends."""
    name, squeeze = WAYS[way]
    whole = squeeze(b"some spans, some more spans")
    ends = set()
    for end in range(1, len(whole)):
        try:
            ends.add(inflate(whole[:end], name, limit=1000))
        except MalformedPayload:
            continue
    assert ends <= ({b"som", b"some spans, some more spans"} if way == "several members" else set())


@given(st.binary(max_size=80), st.sampled_from(["gzip", "deflate"]))
def test_noise_is_malformed_or_small(data: bytes, name: str):
    """Random bytes never do anything else than come out or be refused."""
    for body in (data, b"\x1f\x8b\x08" + data, b"\x78\x9c" + data):
        try:
            assert len(inflate(body, name, limit=1000)) <= 1000
        except (MalformedPayload, PayloadTooLarge):
            continue


def test_many_members_take_linear_time():
    """A body of a hundred thousand empty gzip members is opened in a moment, not in minutes."""
    began = time.perf_counter()
    assert (
        inflate(gzip.compress(b"", mtime=0) * 100_000 + gzip.compress(b"end", mtime=0), "gzip", limit=1000)
        == b"end"
    )
    assert time.perf_counter() - began < 20  # it took minutes when each member copied the rest
