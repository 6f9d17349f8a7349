"""Messages from every rank to rank 0, over real stores, some of which go away."""

import threading
import time
from datetime import timedelta

import pytest
from torch.distributed import TCPStore

from rlviz.record import mailbox
from rlviz.record.mailbox import Inbox, Outbox
from rlviz.record.meeting import Place


def server():
    return TCPStore("localhost", 0, is_master=True, wait_for_workers=False)


def client(of):
    wait = timedelta(seconds=10)
    return TCPStore("localhost", of.port, is_master=False, wait_for_workers=False, timeout=wait)


class Hall:
    """Where ranks meet: the job's store and rank 0's own, which a test can shut."""

    def __init__(self, world_size):
        self.world_size = world_size
        self.job, self.own, self.place = server(), server(), None
        self.is_own_open, self.errors, self.woken = True, [], threading.Event()


class Meeting:
    """The way of one rank there."""

    def __init__(self, hall, rank):
        self.hall, self.rank, self.world_size = hall, rank, hall.world_size

    def served(self):
        return self.hall.own

    def at_the_jobs(self):
        if self.hall.job is None:
            raise ConnectionError("the process group was destroyed")
        return client(self.hall.job)

    def leave(self):
        self.hall.is_own_open = False

    def tell(self, *, is_at_the_jobs):
        if self.hall.job is None:
            raise ConnectionError("the process group was destroyed")
        own = self.hall.own
        self.hall.place = Place("p", is_at_the_jobs, ("localhost",), own.port)
        return self.hall.place

    def told(self):
        return self.hall.place

    def at_rank_0(self, place):
        if not self.hall.is_own_open:
            raise ConnectionError("refused")
        return client(self.hall.own)


@pytest.fixture
def hall():
    return Hall(3)


@pytest.fixture
def inbox(hall):
    made = Inbox(Meeting(hall, 0), on_error=hall.errors.append, wake=hall.woken.set)
    yield made
    made.close()


def taken(inbox, many, seconds=20.0):
    """The next `many` messages."""
    came, deadline = [], time.monotonic() + seconds
    while len(came) < many:
        assert time.monotonic() < deadline, came
        came += inbox.take()
        time.sleep(0.005)
    return came


def send(outbox, message, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not outbox.send(message):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_message_comes_once_and_in_order_and_wakes_who_waits_for_it(hall, inbox):
    one, two = (Outbox(Meeting(hall, rank)) for rank in (1, 2))
    assert not one.send(b"first")  # rank 0 has made no Callback yet
    assert inbox.take() == []
    for message in (b"first", b"", b"1 2", bytes(range(256)) * 4096):
        send(one, message)
    send(two, b"other")
    came = taken(inbox, 5)
    own = [message for rank, message in came if rank == 1]
    assert own == [b"first", b"", b"1 2", bytes(range(256)) * 4096]
    assert [message for rank, message in came if rank == 2] == [b"other"]
    assert hall.woken.is_set()
    assert hall.errors == []


def test_who_catches_up_has_all_that_was_sent_before(hall, inbox):
    inbox.catch_up(5)  # there is nothing that looks yet
    inbox.take()
    outbox = Outbox(Meeting(hall, 1))
    for number in range(20):
        send(outbox, b"%d" % number)
        inbox.catch_up(20)
        assert inbox.take() == [(1, b"%d" % number)]
    inbox._look = lambda: time.sleep(60)  # the store hangs
    began = time.monotonic()
    inbox.catch_up(0.2)
    assert time.monotonic() - began < 5


def test_the_store_holds_one_message_of_a_rank_and_who_sends_learns_that_there_is_no_room(hall):
    Meeting(hall, 0).tell(is_at_the_jobs=True)
    outbox = Outbox(Meeting(hall, 1))
    assert outbox.send(b"kept")
    before = hall.job.num_keys()
    assert [outbox.send(b"waits") for _ in range(5)] == [False] * 5
    assert hall.job.num_keys() == before


def test_a_message_whose_answer_was_lost_comes_once(hall, inbox):
    inbox.take()
    outbox = Outbox(Meeting(hall, 1))
    send(outbox, b"before")
    assert taken(inbox, 1) == [(1, b"before")]

    class Breaking:
        """A store whose answer does not come through."""

        def compare_set(self, *asked, store=outbox._store):
            store.compare_set(*asked)
            raise RuntimeError("Connection reset by peer")

    outbox._store = Breaking()
    with pytest.raises(ConnectionError, match="rank 0 can't be reached from rank 1"):
        outbox.send(b"there, but nobody knows")
    send(outbox, b"there, but nobody knows")
    send(outbox, b"after")
    assert [message for _, message in taken(inbox, 2)] == [b"there, but nobody knows", b"after"]
    time.sleep(0.3)
    assert inbox.take() == []


def test_when_the_jobs_store_goes_away_ranks_go_on_by_that_of_rank_0_and_lose_nothing(hall, inbox):
    inbox._look()  # without its thread: rank 0 is busy between the looks
    outbox = Outbox(Meeting(hall, 1))
    assert outbox.send(b"one")
    inbox._look()
    assert outbox.send(b"two")
    hall.job = None  # as destroy_process_group does
    with pytest.raises(ConnectionError):
        outbox.send(b"three")
    assert not outbox.send(b"three")  # the one before is sent again, for it may be lost
    inbox._look()
    assert outbox.send(b"three")
    inbox._look()
    assert [*inbox._came] == [(1, b"one"), (1, b"two"), (1, b"three")]
    (error,) = hall.errors
    assert "Close the Callback before destroy_process_group()" in str(error)


def test_a_last_message_whose_store_goes_away_is_left_in_the_other_one_until_it_is_taken(
    hall, inbox
):
    inbox._look()  # without its thread
    outbox = Outbox(Meeting(hall, 1))
    assert outbox.is_taken()  # nothing was sent
    assert outbox.send(b"one")
    inbox._look()
    assert outbox.is_taken()
    assert outbox.send(b"two")
    assert not outbox.is_taken()
    hall.job = None  # as destroy_process_group does, on rank 0 while it is busy
    assert not outbox.is_taken()
    inbox._look()
    assert outbox.is_taken()
    assert [*inbox._came] == [(1, b"one"), (1, b"two")]


def test_nobody_waits_for_a_rank_0_that_has_closed_and_left_no_store(hall, inbox):
    inbox._look()
    outbox = Outbox(Meeting(hall, 1))
    assert outbox.send(b"one")
    inbox.close()
    assert not outbox.is_taken()  # it may be looked for
    hall.job = None
    assert outbox.is_taken()


def test_without_any_way_to_rank_0_who_sends_is_told_and_heals_when_there_is_one(hall, inbox):
    hall.job, job, hall.is_own_open = None, hall.job, False
    hall.place = Place("p", True, ("localhost",), hall.own.port)
    outbox = Outbox(Meeting(hall, 1))
    for _ in range(3):
        with pytest.raises(
            ConnectionError, match=r"rank 1 \(refused\): what this rank records wai"
        ):
            outbox.send(b"kept")
    hall.job = job
    send(outbox, b"kept")
    assert taken(inbox, 1) == [(1, b"kept")]


def test_a_rank_whose_messages_nobody_takes_says_so_once_a_minute(hall):
    now = [0.0]
    Meeting(hall, 0).tell(is_at_the_jobs=True)
    outbox = Outbox(Meeting(hall, 2), clock=lambda: now[0])
    assert outbox.send(b"first")
    now[0] = 59.0
    assert not outbox.send(b"second")
    now[0] = 61.0
    with pytest.raises(TimeoutError, match="taken nothing from rank 2 for 60 seconds"):
        outbox.send(b"second")
    assert not outbox.send(b"second")


def test_a_flush_of_many_ranks_asks_the_store_less_than_once_a_rank():
    hall = Hall(200)
    inbox = Inbox(Meeting(hall, 0), on_error=pytest.fail, wake=lambda: None)
    asked = {"rank 0": 0, "others": 0}

    class Counted:
        """A store that counts what it is asked."""

        def __init__(self, store, who):
            self.store, self.who = store, who

        def __getattr__(self, name):
            asked[self.who] += 2 if name == "multi_get" else 1  # which waits for the keys first
            return getattr(self.store, name)

    inbox._open()
    job = client(hall.job)
    inbox._job = Counted(inbox._job, "rank 0")
    for rank in range(1, 200):
        outbox = Outbox(Meeting(hall, rank))
        outbox._place, outbox._store = hall.place, Counted(job, "others")
        assert outbox.send(b"%d" % rank)
    assert asked["others"] == 199
    inbox._look()
    assert sorted(message for _, message in inbox._came) == sorted(b"%d" % r for r in range(1, 200))
    assert asked["rank 0"] <= 12


@pytest.mark.slow
def test_while_nobody_takes_rank_0_holds_a_bounded_part_and_the_slots_stay_full(
    hall, inbox, monkeypatch
):
    monkeypatch.setattr(mailbox, "_MOST_BYTES", 2500)
    inbox._open()
    outbox, sent = Outbox(Meeting(hall, 1)), 0
    for _ in range(10):  # the writer hangs, its thread goes on looking
        sent += outbox.send(b"%d" % sent * 1000)
        inbox._look()
    assert sent == 4  # the last one waits in its slot
    assert [message[:1] for _, message in inbox._came] == [b"0", b"1", b"2"]
    came = inbox.take()
    while sent < 10:  # what was taken makes room
        sent += outbox.send(b"%d" % sent * 1000)
        came += taken(inbox, 1)
    came += taken(inbox, 10 - len(came))
    assert [message[:1] for _, message in came] == [b"%d" % number for number in range(10)]


def test_who_catches_up_waits_for_no_rest_after_a_long_look(hall, inbox, monkeypatch):
    monkeypatch.setattr(mailbox, "_REST", 1e9)
    monkeypatch.setattr(mailbox, "_LONGEST_REST", 1000.0)
    inbox.take()
    outbox, deadline = Outbox(Meeting(hall, 1)), time.monotonic() + 20
    while not inbox._ended or not outbox.send(b"in its slot"):  # the thread rests by now
        assert time.monotonic() < deadline
        time.sleep(0.005)
    inbox.catch_up(20)
    assert inbox.take() == [(1, b"in its slot")]
    looks = inbox._begun
    time.sleep(0.4)
    assert inbox._begun - looks <= 1  # and then it rests again


@pytest.mark.parametrize("is_emptied", [True, False])
def test_a_look_that_fails_half_way_loses_nothing_and_doubles_nothing(hall, inbox, is_emptied):
    inbox._open()
    job, outboxes = inbox._job, [Outbox(Meeting(hall, rank)) for rank in (1, 2)]
    assert [outbox.send(b"first") for outbox in outboxes] == [True, True]

    class Failing:
        """A store that fails before or after it has emptied the slots."""

        multi_get = job.multi_get

        def multi_set(self, slots, values):
            if is_emptied:
                job.multi_set(slots, values)
            raise MemoryError

    inbox._job = Failing()
    with pytest.raises(MemoryError):
        inbox._look()
    inbox._job = job
    inbox._look()
    assert [outbox.send(b"second") for outbox in outboxes] == [True, True]
    inbox._look()
    assert [*inbox._came] == [(1, b"first"), (2, b"first"), (1, b"second"), (2, b"second")]


def test_what_is_no_message_is_said_and_does_not_stay_in_its_slot(hall, inbox):
    inbox._open()
    inbox._job.set("p/1", "torn")
    assert Outbox(Meeting(hall, 2)).send(b"kept")
    inbox._look()
    assert [*inbox._came] == [(2, b"kept")]
    assert "what rank 1 left can't be read: b'torn'" in str(hall.errors.pop())
    assert Outbox(Meeting(hall, 1)).send(b"there is room")


@pytest.mark.slow
def test_where_no_thread_is_left_rank_0_says_so_and_hears_the_others_later(hall, inbox, no_threads):
    with no_threads():
        assert inbox.take() == inbox.take() == []
        inbox.catch_up(20)  # there is nothing to wait for
    assert [str(error) for error in hall.errors] == ["can't start new thread"]
    outbox = Outbox(Meeting(hall, 1))
    came, deadline = [], time.monotonic() + 20
    while not came:
        assert time.monotonic() < deadline
        outbox.send(b"heard")
        came = inbox.take()
        time.sleep(0.005)
    assert came[0] == (1, b"heard")
    other = Inbox(Meeting(hall, 0), on_error=hall.errors.append, wake=hall.woken.set)
    with no_threads():
        other.take()
        other.close()


def test_a_store_that_fails_without_a_word_is_a_failure_as_any_other(hall, inbox):
    inbox._open()
    outbox = Outbox(Meeting(hall, 1))
    assert outbox.send(b"first")

    class Silent:
        """A store whose errors have no text."""

        def compare_set(self, *asked):
            raise RuntimeError

        def multi_get(self, slots):
            raise ConnectionResetError

    outbox._store = inbox._job = Silent()
    with pytest.raises(ConnectionError, match=r"from rank 1 \(RuntimeError\(\)\): what this"):
        outbox.send(b"second")
    inbox._look()
    assert "any more (ConnectionResetError()): ranks that can" in str(hall.errors.pop())
