"""Whatever becomes of the bytes on disk, every record that is intact is read, and nothing else is.

Each byte of a damaged file carries where it came from, so what must still be there is known without
asking the reader.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord

ON_DISK = 20
"""Every 20th case is also read from disk, as a run."""
RESUMED_AFTER = {0: 0, 1: 6, 2: 12}
"""Session -> the step that it goes on after."""


@dataclass(frozen=True)
class Corpus:
    """The event files of a run of three sessions, byte by byte in one array."""

    data: np.ndarray
    starts: list[int]
    """Where each file begins."""
    names: list[str]
    frames: np.ndarray
    """(frames, 2): where each record begins and ends."""
    payloads: frozenset[bytes]
    rows: dict[bytes, rlviz.History]
    """Payload of a record -> the rows in it, read from a file that has nothing else."""

    def file(self, number):
        """Its bytes, and the place of each in the corpus."""
        start, end = [*self.starts, len(self.data)][number : number + 2]
        return self.data[start:end].copy(), np.arange(start, end)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("corpus") / "run"

    def log(viz, step):
        viz.record(correct=[1] * (step % 5) + [0], parallelism=[1 + step % 7])
        viz.on_step_end(step, flops={"update": 10**20 + step}, metrics={"loss": 1 / step})

    state = None
    for steps in (range(1, 10), range(7, 16), range(13, 19)):
        viz = rlviz.Callback(logdir, figure_seconds=None, config=None if state else {"lr": 0.1})
        if state is not None:
            viz.load_state_dict(state)
        for step in steps:
            log(viz, step)
            if step % 3 == 0:
                assert viz.flush(30)
            if step in RESUMED_AFTER.values():
                state = viz.state_dict()
        assert viz.close(30)
    files = sorted(logdir.glob("*tfevents*"))
    contents = [file.read_bytes() for file in files]
    assert len(files) == 3
    starts = np.cumsum([0, *map(len, contents)])[:-1].tolist()
    frames, rows, payloads = [], {}, set()
    for start, content in zip(starts, contents, strict=True):
        for record in tfrecord.scan(content):
            assert isinstance(record, tfrecord.Record)
            size = len(record.payload) + 16
            frames.append((start + record.end - size, start + record.end))
            payloads.add(record.payload)
            alone = tmp_path_factory.mktemp("alone")
            (alone / "events.out.tfevents.0").write_bytes(tfrecord.frame(record.payload))
            with suppress(FileNotFoundError):  # no rows in it
                rows[record.payload] = rlviz.read(alone)
    assert sum(map(len, rows.values())) == 9 + 9 + 6
    assert list(rlviz.read(logdir).step) == list(range(1, 19))
    data = np.frombuffer(b"".join(contents), np.uint8)
    names = [file.name for file in files]
    return Corpus(data, starts, names, np.array(frames), frozenset(payloads), rows)


# --- damage: (bytes, places) in, the same out; a place of -1 is a byte that was changed -----------


def _block(rng, size, longest=None):
    length = min(rng.choice([1, 8, 64, 512, 4096]), size, longest or size)
    start = rng.randrange(size - length + 1)
    return start, start + rng.randint(1, length)


def _overwritten(data, places, start, new):
    stop = start + len(new)
    same = data[start:stop] == new
    data[start:stop] = new
    places[start:stop] = np.where(same, places[start:stop], -1)
    return data, places


def _spliced(data, places, start, stop, between):
    new_data, new_places = between
    return (
        np.concatenate([data[:start], new_data, data[stop:]]),
        np.concatenate([places[:start], new_places, places[stop:]]),
    )


def flip_bits(data, places, rng, corpus):
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        at = rng.randrange(len(data))
        flipped = data[at : at + 1] ^ np.uint8(1 << rng.randrange(8))
        data, places = _overwritten(data, places, at, flipped)
    return data, places


def zero_a_block(data, places, rng, corpus):
    start, stop = _block(rng, len(data))
    return _overwritten(data, places, start, np.zeros(stop - start, np.uint8))


def overwrite_a_block(data, places, rng, corpus):
    start, stop = _block(rng, len(data))
    return _overwritten(data, places, start, _noise(rng, stop - start))


def insert_noise(data, places, rng, corpus):
    noise = _noise(rng, rng.choice([1, 7, 100, 5000]))
    at = rng.randrange(len(data) + 1)
    return _spliced(data, places, at, at, (noise, np.full(len(noise), -1)))


def insert_zeros(data, places, rng, corpus):
    size = rng.choice([1, 7, 100, 4096])
    at = rng.randrange(len(data) + 1)
    return _spliced(data, places, at, at, (np.zeros(size, np.uint8), np.full(size, -1)))


def delete_a_block(data, places, rng, corpus):
    start, stop = _block(rng, len(data), len(data) - 1)
    return _spliced(data, places, start, stop, (data[:0], places[:0]))


def duplicate_a_block(data, places, rng, corpus):
    start, stop = _block(rng, len(data))
    at = rng.choice([start, stop, rng.randrange(len(data) + 1)])
    return _spliced(data, places, at, at, (data[start:stop], places[start:stop]))


def copy_a_block_over_another(data, places, rng, corpus):
    start, stop = _block(rng, len(data))
    to = rng.randrange(len(data) - (stop - start) + 1)
    block = data[start:stop].copy(), places[start:stop].copy()
    return _spliced(data, places, to, to + stop - start, block)


def cut_off(data, places, rng, corpus):
    size = rng.randrange(1, len(data) + 1)
    return data[:size], places[:size]


def cut_off_the_head(data, places, rng, corpus):
    start = rng.randrange(len(data))
    return data[start:], places[start:]


def append_another_file(data, places, rng, corpus):
    other = corpus.file(rng.randrange(3))
    at = rng.choice([0, len(data), rng.randrange(len(data) + 1)])
    return _spliced(data, places, at, at, other)


def _noise(rng, size):
    return np.frombuffer(rng.randbytes(size), np.uint8)


KINDS = [
    flip_bits,
    zero_a_block,
    overwrite_a_block,
    insert_noise,
    insert_zeros,
    delete_a_block,
    duplicate_a_block,
    copy_a_block_over_another,
    cut_off,
    cut_off_the_head,
    append_another_file,
]

# --- what must be left ------------------------------------------------------------------------


def intact_frames(places, corpus):
    """Where records stand whose bytes are all there, in order and unchanged: offset -> size."""
    breaks = np.concatenate([[0], np.cumsum(places[1:] != places[:-1] + 1)])
    sizes = np.zeros(len(corpus.data) + 1, np.int64)
    sizes[corpus.frames[:, 0]] = corpus.frames[:, 1] - corpus.frames[:, 0]
    at = np.flatnonzero(sizes[places])  # -1 is the last, which begins no record
    ends = at + sizes[places[at]]
    at, ends = at[ends <= len(places)], ends[ends <= len(places)]
    whole = breaks[at] == breaks[ends - 1]
    return dict(zip(at[whole].tolist(), (ends - at)[whole].tolist(), strict=True))


ROWS = b"rlviz/rows/s"


def payloads_of(data):
    return [item.payload for item in tfrecord.scan(data.tobytes())]


def check_scan(data, places, corpus, assert_covered):
    """Every intact record is found, and nothing that was never written; returns what was found."""
    content = data.tobytes()
    items = list(tfrecord.scan(content))
    assert_covered(items, content)
    with_rows = list(tfrecord.scan(content, holding=ROWS))  # passes by many records at once
    assert with_rows == [
        item for item in items if isinstance(item, tfrecord.Damage) or ROWS in item.payload
    ]
    found = {
        item.end - len(item.payload) - 16: item.payload
        for item in items
        if isinstance(item, tfrecord.Record)
    }
    expected = intact_frames(places, corpus)
    assert expected.keys() <= found.keys()
    assert all(len(found[offset]) + 16 == size for offset, size in expected.items())
    assert corpus.payloads.issuperset(found.values())
    damage = [(item.offset, item.length) for item in items if isinstance(item, tfrecord.Damage)]
    return list(found.values()), damage


def check_read(logdir, found, damage, corpus):
    """The run has the rows of the records that were found, with their values, and no others."""
    batches = [corpus.rows[payload] for payload in found if payload in corpus.rows]
    if not batches:
        with pytest.raises(FileNotFoundError):
            rlviz.read(logdir)
        return
    sessions = {int(batch.session[0]) for batch in batches}
    standing = {}
    for batch in batches:
        number = int(batch.session[0])
        limit = min((RESUMED_AFTER[s] for s in sessions if s > number), default=np.inf)
        for i, step in enumerate(batch.step.tolist()):
            if step <= limit and (step not in standing or standing[step][0] <= number):
                standing[step] = number, batch, i
    run = rlviz.read(logdir)
    assert list(run.step) == sorted(standing)
    for name, column in run.columns.items():
        rows = (standing[step] for step in sorted(standing))
        np.testing.assert_array_equal(column, [b.columns[name][i] for _, b, i in rows], name)
    assert sorted((d.file, d.offset, d.length) for d in run.damage) == sorted(damage)


@pytest.fixture
def directory(tmp_path, corpus):
    """A run directory of which one file can be damaged."""
    logdir = tmp_path / "run"
    logdir.mkdir()

    def write(number, data):
        for other, name in enumerate(corpus.names):
            content = data if other == number else corpus.file(other)[0]
            (logdir / name).write_bytes(content.tobytes())
        return logdir

    yield write
    shutil.rmtree(logdir)


@pytest.mark.parametrize(
    "cases",
    [
        200,
        pytest.param(2000, marks=pytest.mark.slow),
        pytest.param(100_000, marks=pytest.mark.soak),
    ],
)
def test_damage_of_any_kind_hides_only_the_records_that_it_touches(
    corpus, directory, assert_covered, rng, ran, cases
):
    others = {n: payloads_of(corpus.file(n)[0]) for n in range(3)}
    on_disk = 0
    for case in range(cases):
        number = rng.randrange(3)
        data, places = corpus.file(number)
        kinds = [rng.choice(KINDS) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        try:
            for damage in kinds:
                if len(data) > 1:
                    data, places = damage(data, places, rng, corpus)
            found, damaged = check_scan(data, places, corpus, assert_covered)
            if case % ON_DISK == 0:
                logdir = directory(number, data)
                found += [payload for n in range(3) if n != number for payload in others[n]]
                named = [(corpus.names[number], *where) for where in damaged]
                check_read(logdir, found, named, corpus)
                on_disk += 1
        except Exception as error:
            what = f"case {case}: {[kind.__name__ for kind in kinds]} of file {number}"
            raise AssertionError(what) from error
    ran(corruptions=cases, corruptions_read_from_disk=on_disk)


@pytest.mark.parametrize(
    "every",
    [401, pytest.param(37, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)],
)
def test_a_run_cut_off_at_any_byte_has_all_records_before_the_cut(
    corpus, directory, assert_covered, ran, every
):
    edges = {int(edge) for edge in corpus.frames.ravel()}
    near = {edge + d for edge in edges for d in (-1, 0, 1)}
    others = {n: payloads_of(corpus.file(n)[0]) for n in range(3)}
    done = 0
    for number in range(3):
        data, places = corpus.file(number)
        first = int(places[0])
        for size in range(len(data) + 1):
            if size % every and first + size not in near:
                continue
            found, damaged = check_scan(data[:size], places[:size], corpus, assert_covered)
            before = [end for _, end in corpus.frames if first < end <= first + size]
            assert len(found) == len(before)
            assert len(damaged) == (first + size not in edges)
            if size % (5 * every) == 0:
                found += [payload for n in range(3) if n != number for payload in others[n]]
                named = [(corpus.names[number], *where) for where in damaged]
                check_read(directory(number, data[:size]), found, named, corpus)
            done += 1
    ran(truncations=done)
