"""What senders and the trainer say to each other over a socket: frames, keys, and sums as JSON.

A frame is its length (4 bytes), its kind (1 byte) and its body. Both sides prove that they hold the
same key before anything else; then a sender's frames are sums, numbered, each acknowledged. Nothing
that comes over the network is unpickled.
"""

import hashlib
import hmac
import json
import math
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from rlviz import schema
from rlviz.record.step_sums import StepSums
from rlviz.record.values import check_episode, check_step

Place: TypeAlias = int | str | None
"""Where sums belong: a training step, an episode by its name, or the step that is open."""

HELLO, PROOF, WELCOME, SUMS, TAKEN, MARK, MARKED, BYE = range(8)
"""Trainer to sender: HELLO, WELCOME, TAKEN, MARK, BYE (the run is over). Sender to trainer: PROOF,
SUMS, MARKED (all that was recorded before the mark is sent), BYE (nothing more will come)."""

VERSION = b"rlviz-sender-1"
NONCE_BYTES, ID_BYTES, PROOF_BYTES = 32, 16, 32
MOST_BYTES = 8_000_000
"""Of a frame, once both sides know each other."""
_USUAL_BYTES = 4_000_000
"""Of a message: one that a broken connection cuts is sent again as a whole."""
_MOST_PLACES = 4_096
"""In one message."""
MOST_UNKNOWN = 256
"""Before that."""
_HEAD = struct.Struct(">IB")
_NUMBER = struct.Struct(">Q")


def frame(kind: int, body: bytes = b"") -> bytes:
    return _HEAD.pack(len(body), kind) + body


def frames(buffer: bytearray, most: int) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames off the begin of a buffer.

    Raises:
        ValueError: what came is no frame of at most `most` bytes.
    """
    while len(buffer) >= _HEAD.size:
        size, kind = _HEAD.unpack_from(buffer)
        if size > most or kind > BYE:
            raise ValueError(f"no frame of at most {most} bytes came, but one of {size}")
        end = _HEAD.size + size
        if len(buffer) < end:
            return
        body = bytes(buffer[_HEAD.size : end])
        del buffer[:end]
        yield kind, body


def proof(key: bytes, side: bytes, *parts: bytes) -> bytes:
    """That who says this holds the key; it fits this connection and this side alone."""
    return hmac.new(key, b"\0".join((VERSION, side, *parts)), hashlib.sha256).digest()


def numbered(number: int, body: bytes = b"") -> bytes:
    return _NUMBER.pack(number) + body


def number_of(body: bytes) -> tuple[int, bytes]:
    """The number at the begin of a body, and the rest."""
    if len(body) < _NUMBER.size:
        raise ValueError("a frame came without its number")
    return _NUMBER.unpack_from(body)[0], body[_NUMBER.size :]


def pack(sums: list[tuple[Place, StepSums]]) -> bytes:
    """Sums and where they belong; floats and integers of any size stay exact."""
    return json.dumps(
        [(place, step.to_list()) for place, step in sums], separators=(",", ":")
    ).encode()


def messages(parts: Sequence[tuple[Place, StepSums, int]]) -> Iterator[tuple[bytes, int]]:
    """Pack sums into as many messages as it takes.

    Args:
        parts: where sums belong, the sums, and of how many calls they are.

    Yields:
        Each message, and of how many calls it brings the last.
    """
    message = pack([(place, sums) for place, sums, _ in parts[:_MOST_PLACES]])
    if len(parts) <= _MOST_PLACES and len(message) <= _USUAL_BYTES:
        if parts:
            yield message, sum(calls for *_, calls in parts)
        return
    if len(parts) == 1:
        ((place, sums, calls),) = parts
        first, second = sums.split()
        halves: list[list[tuple[Place, StepSums, int]]]
        halves = [[(place, first, 0)], [(place, second, calls)]]
    else:
        half = min(len(parts) // 2, _MOST_PLACES)
        halves = [list(parts[:half]), list(parts[half:])]
    for few in halves:
        yield from messages(few)


def unpack(message: bytes) -> list[tuple[Place, StepSums]]:
    """What was packed.

    Raises:
        ValueError, TypeError: it is something else.
    """
    return [(_place(place), _sums(fields)) for place, fields in json.loads(message)]


def _place(place: Any) -> Place:
    if place is None:
        return None
    return check_episode(place) if isinstance(place, str) else check_step(place)


def _sums(fields: Any) -> StepSums:
    sums = StepSums.from_list(fields)
    for known in schema.QUANTITIES.values():
        for part in known.sums:
            _check(sums.sum_of(part.name), math.inf)  # of huge values it is infinite
    for phase, count in sums.flops.items():
        if phase != schema.TOTAL:
            schema.check_phase(phase)
        if type(count) is not int or abs(count) > _MOST_FLOPS:
            raise ValueError("FLOPs came that no call of record() can have brought")
    for name, value in sums.metrics.items():
        schema.check_metric(name)
        if type(value) not in (int, float):  # NaN and infinities are metrics
            raise TypeError("a metric came that is no number")
    for count in sums.counts.values():
        _check(count)
    for phase, taken in sums.seconds.items():
        schema.check_phase(phase)
        _check(taken)
    for group in sums.groups:
        schema.check_group(group)
    if sums.episodes:
        raise ValueError("names of episodes came, which only the trainer binds")
    return sums


def _check(value: Any, most: float = sys.float_info.max) -> None:
    if type(value) not in (int, float) or not 0 <= value <= most:
        raise ValueError("a sum came that is no number >= 0")


_MOST_FLOPS = schema.MAX_COUNT << 64
"""Of many calls; from there on a row could not tell them apart from an error anyway."""
