"""Event files that nobody's writer would write, made of those of real runs, by chance.

A mutation re-encodes rows with other columns, names, shapes, types, counts and values under valid
checksums, or damages the bytes. `tests/faults/test_mutations.py` reads what comes out.
"""

import json
import math
import struct

from tensorboard.compat.proto.event_pb2 import Event

from rlviz import tfrecord

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


def rows_in(data):
    """(is rows, payload) of each record of a file."""
    items = (item for item in tfrecord.scan(data) if isinstance(item, tfrecord.Record))
    return [(b"rlviz/rows/s" in item.payload, item.payload) for item in items]


def mutated(files, rng):
    """File name -> bytes -> the same, changed in one to four ways."""
    files = dict(files)
    for _ in range(rng.choice([1, 1, 2, 4])):
        name = rng.choice(sorted(files))
        how = rng.choice([_in_rows] * 4 + [_in_bytes, _in_records, _in_files])
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


def _in_records(files, name, rng):
    records = [tfrecord.frame(payload) for _, payload in rows_in(files[name])]
    if not records:
        return
    kind = rng.randrange(4)
    at = rng.randrange(len(records))
    if kind == 0:
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


# --- the rows ------------------------------------------------------------------


def _in_rows(files, name, rng):
    """Change one batch of rows; its record stays intact."""
    records = rows_in(files[name])
    batches = [number for number, (is_rows, _) in enumerate(records) if is_rows]
    if not batches:
        return
    at = rng.choice(batches)
    event = Event.FromString(records[at][1])
    (value,) = [v for v in event.summary.value if v.tag.startswith("rlviz/rows/s")][:1]
    how = rng.choice([_values] * 4 + [_columns] * 3 + [_header, _tensor, _count])
    how(event, value, rng)
    records[at] = True, event.SerializeToString()
    files[name] = b"".join(tfrecord.frame(payload) for _, payload in records)


def table_of(value):
    """The header's fields and the rows, as lists."""
    fields = json.loads(value.metadata.plugin_data.content)
    width = len(fields["columns"])
    flat = struct.unpack(f"<{len(value.tensor.tensor_content) // 8}d", value.tensor.tensor_content)
    return fields, [list(flat[i : i + width]) for i in range(0, len(flat), width)]


def put(value, fields, rows):
    value.metadata.plugin_data.content = json.dumps(fields).encode()
    flat = [number for row in rows for number in row]
    value.tensor.tensor_content = struct.pack(f"<{len(flat)}d", *flat)
    for dim, size in zip(value.tensor.tensor_shape.dim, (len(rows), len(rows[0])), strict=False):
        dim.size = size


def _values(event, value, rng):
    try:
        fields, rows = table_of(value)
    except (ValueError, TypeError, KeyError, struct.error, ZeroDivisionError):
        return  # already changed
    if not rows or not rows[0]:
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
    try:
        fields, rows = table_of(value)
    except (ValueError, TypeError, KeyError, struct.error, ZeroDivisionError):
        return
    names = fields["columns"]
    if not rows or not names or not isinstance(names, list):
        return
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
