"""Event files that nobody's writer would write, made of those of real runs, by chance.

A mutation re-encodes rows with other columns, names, shapes, types, counts and values under valid
checksums, puts other records beside them, or damages the bytes. `tests/faults/test_mutations.py`
reads what comes out.
"""

import gzip
import json
import math
import random
import struct
from functools import lru_cache

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from rlviz import schema, tfrecord

ODD_NUMBERS = (
    math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 0.5, 1e-320, 2.0**53, -(2.0**53), 2.0**62,
    2.0**63, -(2.0**63), 1e19, 1e100, 2.0**106, 1.7e308, -1.7e308,
)  # fmt: skip
ODD_WHOLES = (-1, 0, 1, 2, 2**31, 2**52, 2**53 - 1, 2**53, 2**63 - 1, 10**30)
ODD_THINGS = (None, True, "", "x", 0.5, [], {}, [[]], "\ud800", -(10**400), *ODD_WHOLES)
ODD_NAMES = (
    "", "step", "session", "wall_time", "correct", "graded", "correct/", "graded/", "correct/math",
    "flops/", "flops/total", "flops_remainder/total", "flops/new", "flops_remainder/new", "mfu/x",
    "seconds/x", "metrics/", "metrics/tokens", "metrics/num_tokens", "accuracy", "accuracy_ema/x",
    "parallelism_sum", "parallelism_square_sum", "work", "span", "\x00", "\ud800", "=1+1",
    "a" * 300,
)  # fmt: skip
FIELDS = {
    "session": (0, 1, 2, 7, 999_999, 2**53 - 2, 2**53 - 1),
    "resumed_after": (None, 0, 1, 3, 4, 100, 2**53 - 1),
    "flops_before": (0, 1, 10**16, 10**30, 2**106 - 1),
    "closed_before": (None, 0, 2, 5, 2**53 - 1),
    "made_as": (None, 0, 1, 5, 2**53 - 1),
    "writer": ("", "x", "another", "w" * 300, "\ud800"),
    "dropped": (0, 1, 7, 2**53 - 1),
    "causes": ({}, {"disk": 3}, {"loop": 2**53 - 1, "disk": 1}, {"": 0, "unknown": 9}),
    "world_size": (0, 1, 2, 8, 2**53 - 1),
    "missing_ranks": ([], [0], [1, 2], [3, 1, 1], [2**53 - 1], list(range(500))),
    "convention": ("", "exact", "6N", "6N-tokens", "x" * 100, "\ud800", "=1"),
    "version": (0, 1),
}
"""Header field -> values of its type that a reader must take."""
SETTINGS = (
    schema.IMPORTED_FROM, schema.IMPORT_ACCOUNT, schema.IMPORT_SAMPLED, "kind", "", "a/b", "\x00",
)  # fmt: skip
ODD_SETTINGS = (
    "", "x.csv", "a, not in the RL FLOPs\nb, not in the count\n3 rows, gone", "\x00=1", "w" * 5000,
    True, False, 0.0, math.nan, math.inf, -1e308,
)  # fmt: skip
TAGS = (
    "", "rlviz/rows/s0", "rlviz/rows/s1", "rlviz/rows/s0.1", "rlviz/rows/", "_hparams_/experiment",
    "_hparams_/session_start_info", "_hparams_/session_end_info", schema.FIGURE_TAG,
    schema.SUMMARY_TAG, schema.CONFIG_TAG, "rlviz/accuracy",
)  # fmt: skip


def rows_in(data):
    """(is rows, payload) of each record of a file."""
    return list(_rows_in(data))


@lru_cache(maxsize=64)
def _rows_in(data):
    items = (item for item in tfrecord.scan(data) if isinstance(item, tfrecord.Record))
    return tuple((b"rlviz/rows/s" in item.payload, item.payload) for item in items)


_framed = lru_cache(maxsize=1024)(tfrecord.frame)  # most records of a file stay as they are


def mutated(files, rng):
    """File name -> bytes -> the same, changed in one to four ways."""
    files = dict(files)
    for _ in range(rng.choice([1, 1, 2, 4])):
        name = rng.choice(sorted(files))
        how = rng.choice(
            [_in_rows] * 10
            + [_in_bytes] * 2
            + [_in_records] * 2
            + [_in_files, _in_names]
            + [_in_others] * 3
            + [_in_payload]
        )
        how(files, name, rng)
    return files


# --- the files, their records, their bytes -----------------------------------


def _in_files(files, name, rng):
    content = files[name]
    kind = rng.randrange(4)
    if kind == 0 and len(files) > 1:
        del files[name]
    elif kind == 1:  # the same rows under another session's name
        number = rng.choice([0, 1, 2, 10**6, 2**53, 10**30])
        files[f"events.out.tfevents.{rng.randrange(10**10):010d}.copy.rlviz-s{number}-0"] = content
    elif kind == 2:
        other = rng.choice(sorted(files))
        files[name], files[other] = files[other], content
    else:
        files[name] = content + files[rng.choice(sorted(files))]


def _in_names(files, name, rng):
    """Another name for a file, or a file beside it that is none of TensorBoard's."""
    content = files[name]
    seconds = rng.choice(["0000000000", "1", "9999999999", "1789000000", "99999999999", "x"])
    session, number = (rng.choice(["0", "1", "000002", "999999", "1000000", ""]) for _ in range(2))
    new = f"events.out.tfevents.{seconds}.host.rlviz-s{session}-{number}"
    kind = rng.randrange(5)
    if kind == 0:
        new = f"events.out.tfevents.{seconds}.host"
    elif kind == 1:  # as TensorBoard names those of its profiler
        new += ".profile-empty"
    elif kind == 2:
        content = rng.choice([b"", b"\x00" * 100, gzip.compress(content), rng.randbytes(500)])
    if rng.randrange(2):
        del files[name]
    files[new] = content


def _in_records(files, name, rng):
    records = [tfrecord.frame(payload) for _, payload in rows_in(files[name])]
    if not records:
        return
    kind = rng.randrange(6)
    at = rng.randrange(len(records))
    if kind == 4:  # its checksum is another's
        records[at] = records[at][:-4] + rng.choice(records)[-4:]
    elif kind == 5:  # a record within a record
        records[at] = tfrecord.frame(b"".join(records[at:]))
    elif kind == 0:
        rng.shuffle(records)
    elif kind == 1:
        records[at:at] = [records[at]] * rng.choice([1, 2, 50])
    elif kind == 2:
        del records[at]
    else:  # a header that claims more than there is
        claimed = struct.pack("<Q", rng.choice([1, 1000, 10**6, 2**31, 2**40, 2**63]))
        records[at:at] = [claimed + tfrecord.checksum(claimed)] * rng.choice([1, 100])
    files[name] = b"".join(records)


def _in_bytes(files, name, rng):
    data = bytearray(files[name])
    if not data:
        return
    at = rng.randrange(len(data))
    size = rng.choice([1, 8, 100, 5000])
    kind = rng.randrange(4)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at : at + size] = bytes(size)
    else:
        data[at:at] = data[at : at + size]
    files[name] = bytes(data)


# --- other records, and what stands in any ----------------------------------------


def _in_others(files, name, rng):
    """Change one record without rows, under a valid checksum."""
    records = rows_in(files[name])
    others = [number for number, (is_rows, _) in enumerate(records) if not is_rows]
    if not others:
        return
    at = rng.choice(others)
    try:
        event = Event.FromString(records[at][1])
    except DecodeError:  # already changed
        return
    kind = rng.randrange(5)
    values = event.summary.value
    if kind == 0:
        event.session_log.status = rng.randrange(4)
    elif kind == 1:  # what a script or an import says of its run
        data = HParamsPluginData()
        for _ in range(rng.choice([0, 1, 3])):
            setting, said = rng.choice(SETTINGS), rng.choice(ODD_SETTINGS)
            field = data.session_start_info.hparams[setting]
            if isinstance(said, bool):
                field.bool_value = said
            elif isinstance(said, str):
                field.string_value = said
            else:
                field.number_value = said
        value = values[0] if values else values.add()
        value.tag = "_hparams_/session_start_info"
        value.metadata.plugin_data.plugin_name = "hparams"
        value.metadata.plugin_data.content = data.SerializeToString()
    elif kind == 2:
        value = rng.choice(values) if values else values.add()
        value.tag = rng.choice(TAGS)
    elif kind == 3 and values:
        value = rng.choice(values)
        value.metadata.plugin_data.content = rng.randbytes(rng.choice([0, 1, 30]))
        value.metadata.plugin_data.plugin_name = rng.choice(["", "rlviz", "hparams", "text"])
    else:
        _count(event, None, rng)
    records[at] = False, event.SerializeToString()
    files[name] = b"".join(_framed(payload) for _, payload in records)


def _in_payload(files, name, rng):
    """Change bytes of a record before its checksum is made, so that the parser sees them."""
    records = rows_in(files[name])
    if not records:
        return
    at = rng.randrange(len(records))
    payload = bytearray(records[at][1])
    for _ in range(rng.choice([1, 1, 4])):
        place = rng.randrange(len(payload) + 1)
        kind = rng.randrange(3)
        if kind == 0:
            payload[place : place + 1] = rng.randbytes(1)
        elif kind == 1:
            del payload[place : place + rng.choice([1, 4, 100])]
        else:
            payload[place:place] = rng.randbytes(rng.choice([1, 4]))
    records[at] = False, bytes(payload)
    files[name] = b"".join(_framed(payload) for _, payload in records)


# --- the rows ------------------------------------------------------------------


def _in_rows(files, name, rng):
    """Change one batch of rows, or all of a file in the same way; the records stay intact."""
    records = rows_in(files[name])
    batches = [number for number, (is_rows, _) in enumerate(records) if is_rows]
    if not batches:
        return
    chosen = batches if rng.randrange(4) == 0 else [rng.choice(batches)]
    how = rng.choice(
        [_values] * 4
        + [_columns] * 3
        + [_fields] * 3
        + [_together, _courses, _lengths] * 2
        + [_header, _tensor, _count, _beside]
    )
    again = rng.randrange(2**32)
    for at in chosen:
        try:
            event = Event.FromString(records[at][1])
        except DecodeError:  # already changed
            continue
        values = [v for v in event.summary.value if v.tag.startswith("rlviz/rows/s")]
        if values:
            how(event, values[0], random.Random(again))
            records[at] = True, event.SerializeToString()
    files[name] = b"".join(_framed(payload) for _, payload in records)


def table_of(value):
    """The header's fields and the rows, as lists; no rows if a change before left none to tell."""
    try:
        fields = json.loads(value.metadata.plugin_data.content)
        columns, content = fields["columns"], value.tensor.tensor_content
        flat = struct.unpack(f"<{len(content) // 8}d", content)
    except (ValueError, TypeError, KeyError, struct.error):
        return {}, []
    if not isinstance(columns, list) or not columns or len(flat) % len(columns):
        return fields if isinstance(fields, dict) else {}, []
    return fields, [list(flat[i : i + len(columns)]) for i in range(0, len(flat), len(columns))]


def put(value, fields, rows):
    value.metadata.plugin_data.content = json.dumps(fields).encode()
    flat = [number for row in rows for number in row]
    value.tensor.tensor_content = struct.pack(f"<{len(flat)}d", *flat)
    for dim, size in zip(value.tensor.tensor_shape.dim, (len(rows), len(rows[0])), strict=False):
        dim.size = size


def _values(event, value, rng):
    fields, rows = table_of(value)
    if not rows:
        return
    for _ in range(rng.choice([1, 1, 3, 20])):
        column = rng.randrange(len(rows[0]))
        number = rng.choice(ODD_NUMBERS)
        kind = rng.randrange(5)
        touched = range(len(rows)) if kind == 0 else [rng.randrange(len(rows))]
        for row in touched:
            old = rows[row][column]
            rows[row][column] = (
                number
                if kind < 3
                else -old
                if kind == 3
                else struct.unpack("<d", rng.randbytes(8))[0]
            )
    put(value, fields, rows)


def _columns(event, value, rng):
    fields, rows = table_of(value)
    if not rows:
        return
    names = fields["columns"]
    at = rng.randrange(len(names))
    kind = rng.randrange(5)
    if kind == 0:  # a column is gone, as a remainder or a count
        del names[at]
        rows = [[*row[:at], *row[at + 1 :]] for row in rows]
    elif kind == 1:
        names[at] = rng.choice(ODD_NAMES)
    elif kind == 2:
        names.append(rng.choice(ODD_NAMES))
        rows = [[*row, rng.choice(ODD_NUMBERS)] for row in rows]
    elif kind == 3:
        rng.shuffle(names)
    else:  # columns under wrong names
        other = rng.randrange(len(names))
        names[at], names[other] = names[other], names[at]
    if rows and rows[0]:
        put(value, fields, rows)


def _fields(event, value, rng):
    """Header fields of the right types, with any value."""
    try:
        fields = json.loads(value.metadata.plugin_data.content)
        for _ in range(rng.choice([1, 1, 2, 4])):
            name = rng.choice(list(FIELDS))
            fields[name] = rng.choice(FIELDS[name])
        value.metadata.plugin_data.content = json.dumps(fields).encode()
        if rng.randrange(2):
            value.tag = f"rlviz/rows/s{fields['session']}"
    except (ValueError, TypeError, KeyError):
        return  # already changed


def _together(event, value, rng):
    """Columns that mean something together, and make sense, of which no base has all."""
    fields, rows = table_of(value)
    if not rows:
        return
    names = fields["columns"]
    new = rng.choice(["new", "a.b", "total", "math", "", "x" * 200])
    size = rng.choice([0.0, 1.0, 3.0, 5e-324, 2.0**53, 1e300, math.nan])
    kind = rng.randrange(5)
    if kind == 0:
        pair, parts = schema.group_columns(new), (rng.choice([0.0, 0.5, 1.0]) * size, size)
    elif kind == 1:
        pair = schema.flops_column(new), schema.flops_remainder_column(new)
        parts = min(size, 2.0**105), rng.choice([0.0, 1.0, -5.0, 2.0**53])
    elif kind == 2:
        pair, parts = (schema.seconds_column(new), schema.mfu_column(new)), (min(size, 2**53), 0.4)
    elif kind == 3:
        known = rng.choice(list(schema.QUANTITIES.values()))
        pair, parts = (known.numerator, known.denominator), (size / 2, size)
    else:
        pair = rng.choice(schema.FIXED_COLUMNS).name, schema.metric_column(new)
        parts = size, rng.choice(ODD_NUMBERS)
    for name, number in zip(pair, parts, strict=True):
        if name in names:
            at = names.index(name)
            if name != "step":
                rows = [[*row[:at], number, *row[at + 1 :]] for row in rows]
        else:
            names.append(name)
            rows = [[*row, number] for row in rows]
    put(value, fields, rows)


def _courses(event, value, rng):
    """The course of a whole column."""
    fields, rows = table_of(value)
    if not rows:
        return
    column = rng.randrange(len(rows[0]))
    first, factor = rng.choice([0.0, 1.0, 1e9, 2.0**52]), rng.choice([1.0, 1e-9, 1e6, 2.0**45])
    kind = rng.randrange(5)
    for number, row in enumerate(rows):
        row[column] = (
            first + factor * number
            if kind == 0
            else first - factor * number
            if kind == 1
            else factor * (-1) ** number
            if kind == 2
            else min(max(factor, 10.0) ** (20.0 * number / len(rows)), 1e300)
            if kind == 3
            else math.nan
        )
    put(value, fields, rows)


_MOST_ROWS = 10_000
"""Of a batch. Without it one of a million files had 193 MB, and to make it took a gigabyte."""


def _lengths(event, value, rng):
    """More rows or fewer, and the count that goes with them."""
    fields, rows = table_of(value)
    if not rows or "step" not in fields["columns"]:
        return
    step = fields["columns"].index("step")
    before = len(rows)
    kind = rng.randrange(5)
    if kind == 0:
        rows.reverse()
    elif kind == 1:
        rows = rows[rng.randrange(len(rows)) :]
    elif kind == 2:
        rows = rows[-1:]
    else:
        times = min(rng.choice([2, 3, 10, 70]), max(1, _MOST_ROWS // len(rows)))
        rows = [list(row) for row in rows * times]
        stride = rng.choice([0.0, 1.0, 10.0, 2.0**40])
        for number, row in enumerate(rows):
            row[step] = rows[0][step] + stride * number
    put(value, fields, rows)
    if rng.randrange(4):
        event.step = max(-(2**63), min(event.step + len(rows) - before, 2**63 - 1))


def _beside(event, value, rng):
    """Other values in the same event: the rows once more, or what TensorBoard writes."""
    kind = rng.randrange(3)
    other = event.summary.value.add()
    if kind == 0:
        other.CopyFrom(value)
    elif kind == 1:
        other.tag, other.simple_value = rng.choice(TAGS), rng.choice(ODD_NUMBERS[:-2])
    else:
        other.CopyFrom(value)
        value.Clear()
        value.tag, value.simple_value = "rlviz/accuracy", 0.5


def _header(event, value, rng):
    content = value.metadata.plugin_data.content
    kind = rng.randrange(3)
    if kind == 0 and content:
        cut = bytearray(content)
        cut[rng.randrange(len(cut))] = rng.randrange(256)
        value.metadata.plugin_data.content = bytes(cut)
        return
    try:
        fields = json.loads(content)
        name = rng.choice([*fields, "unknown"])
    except (ValueError, TypeError):
        return
    fields[name] = rng.choice(ODD_THINGS)
    if kind == 1 and name == "missing_ranks":
        fields[name] = [rng.choice(ODD_WHOLES) for _ in range(3)]
    value.metadata.plugin_data.content = json.dumps(fields).encode()


def _tensor(event, value, rng):
    tensor = value.tensor
    kind = rng.randrange(5)
    if kind == 0:
        tensor.dtype = rng.choice([0, 1, 2, 3, 7, 10])
    elif kind == 1:
        sizes = rng.choice([(), (4,), (-1, 2), (2**40, 2**40), (0, 5), (3, 0), (1, 1, 1), (-3, -5)])
        del tensor.tensor_shape.dim[:]
        for size in sizes:
            tensor.tensor_shape.dim.add(size=size)
    elif kind == 2:
        tensor.tensor_content = tensor.tensor_content[
            : rng.randrange(len(tensor.tensor_content) + 1)
        ]
    elif kind == 3:
        tensor.tensor_content = rng.randbytes(len(tensor.tensor_content))
    else:
        value.tag = rng.choice(
            ["rlviz/rows/s", "rlviz/rows/s7", f"rlviz/rows/s{10**30}", "rlviz/rows/s0.9"]
        )


def _count(event, value, rng):
    event.step = rng.choice(
        [0, -1, 5, -(2**63), 2**63 - 1, -(2**53), -(2**53) + 1, -(2**53) + 10**9]
    )
    if rng.randrange(2):
        event.wall_time = rng.choice(ODD_NUMBERS)
