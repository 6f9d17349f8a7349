"""The trainer's end of all senders: one thread that takes what they send and waits for none.

It listens on a port, knows by their proof who holds this run's key, and acknowledges what it took.
A mark asks every sender for all that it recorded so far.
"""

import hmac
import os
import secrets
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from rlviz.record import wire
from rlviz.record.lookout import Lookout
from rlviz.record.step_sums import StepSums
from rlviz.record.wire import Place

_PROOF_SECONDS = 10.0
"""How long one that has connected may take to prove that it belongs here."""
_MOST_UNPROVEN = 256
_PIECE = 1 << 18
_END_SECONDS = 1.0


class Peer:
    """One connection; its bytes on their way in and out."""

    def __init__(self, taken_from: socket.socket, mark: int) -> None:
        self.socket = taken_from
        self.nonce = secrets.token_bytes(wire.NONCE_BYTES)
        self.id = b""
        """Empty until it has proved that it belongs here."""
        self.name = ""
        self.came = bytearray()
        self.going = bytearray(wire.frame(wire.HELLO, self.nonce))
        self.since = time.monotonic()
        self.marked = mark
        """The last mark up to which all is here."""
        self.said_bye = False


class Receiver:
    """Listens for the senders of one run.

    Args:
        host: the address to listen on, "" for all of this machine.
        port: the port, 0 for any that is free.
        key: what senders must hold.
        on_error: told of senders that break off and of what can't be read.
        wake: called when all senders have answered a mark.
        byte_limit: what may wait for the writer; at more, senders keep theirs.

    Raises:
        OSError: nothing can listen there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        key: bytes,
        *,
        on_error: Callable[[Exception], None],
        wake: Callable[[], None],
        byte_limit: int = 16_000_000,
    ) -> None:
        self._key = key
        self._on_error = on_error
        self._when_marked = wake
        self._listener = _listening(host, port)
        try:
            self._listener.setblocking(False)
            self._lookout = Lookout()
            self._lookout.watch(self._listener)
        except BaseException:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self._peers: dict[int, Peer] = {}  # by file descriptor
        self._numbers: dict[bytes, int] = {}
        """Sender -> the number of its last frame of sums that was taken."""
        self._arrived: deque[tuple[bytes, Place, StepSums]] = deque()
        self._byte_limit = byte_limit
        self._bytes_in = self._bytes_out = 0
        """Of what has arrived, and of what was taken; each counted by one thread."""
        self._mark = self._asked = 0
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="rlviz-receiver", daemon=True)
        _living.add(self)

    def start(self) -> None:
        """Begin to listen.

        Raises:
            RuntimeError: no thread is left. The port is free again.
        """
        try:
            self._thread.start()
        except BaseException:
            self.leave()
            raise

    # The writer's thread calls these.

    def ask(self) -> int:
        """Ask all senders for what they recorded so far; returns the number of this mark."""
        self._asked += 1
        self._lookout.wake()
        return self._asked

    def unanswered(self, mark: int) -> dict[bytes, str]:
        """Senders that have not sent all that they recorded before a mark: id -> name."""
        known = [peer for peer in list(self._peers.values()) if peer.id]
        return {peer.id: peer.name for peer in known if peer.marked < mark}

    @property
    def is_meeting(self) -> bool:
        """Whether somebody has connected who has not yet proved to be a sender."""
        return any(not peer.id for peer in list(self._peers.values()))

    def take(self) -> list[tuple[bytes, Place, StepSums]]:
        """What has come: who sent it, where it belongs, and the sums."""
        taken = [self._arrived.popleft() for _ in range(len(self._arrived))]
        self._bytes_out += sum(sums.nbytes for *_, sums in taken)
        return taken

    @property
    def nbytes(self) -> int:
        """About how many bytes wait to be taken."""
        return self._bytes_in - self._bytes_out

    def close(self) -> None:
        """End all connections; `take` gives what came before that."""
        self._is_ending = True
        self._lookout.wake(even_awake=True)
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def leave(self) -> None:
        """Let go of everything without a word: in a forked child it is the parent's."""
        for owned in (*(peer.socket for peer in list(self._peers.values())), self._listener):
            with suppress(OSError):
                owned.close()
        self._peers = {}
        self._lookout.close()

    # Its own thread does the rest.

    def _run(self) -> None:
        while not self._is_ending:
            try:
                self._turn()
            except Exception as error:  # whatever it is, the others must go on
                self._on_error(error)
                time.sleep(0.1)
        self._end()

    def _turn(self) -> None:
        is_full = self.nbytes >= self._byte_limit
        for ready, reads, writes in self._lookout.wait(0.2):
            if ready is self._listener:
                self._accept()
            elif (peer := self._peers.get(ready.fileno())) is not None:
                if reads and not is_full:
                    self._hear(peer)
                if writes:
                    self._speak(peer)
        if is_full:
            time.sleep(0.01)
        if self._mark < self._asked:
            self._mark = self._asked
            for peer in list(self._peers.values()):
                if peer.id:
                    peer.going += wire.frame(wire.MARK, wire.numbered(self._mark))
                    self._speak(peer)
            self._tell_if_marked()
        self._drop_unproven()

    def _accept(self) -> None:
        try:
            come, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:  # no descriptor is left: those who are here go on
            self._on_error(error)
            time.sleep(0.01)
            return
        if sum(not peer.id for peer in self._peers.values()) >= _MOST_UNPROVEN:
            come.close()
            return
        come.setblocking(False)
        with suppress(OSError):
            come.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            come.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer = self._peers[come.fileno()] = Peer(come, self._asked)
        self._lookout.watch(come)
        self._speak(peer)

    def _hear(self, peer: Peer) -> None:
        try:
            piece = peer.socket.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(peer)
            return
        peer.came += piece
        try:
            most = wire.MOST_BYTES if peer.id else wire.MOST_UNKNOWN
            for kind, body in wire.frames(peer.came, most):
                self._understand(peer, kind, body)
        except Exception:  # it speaks otherwise, or holds another key
            self._drop(peer)
            return
        if peer.going:
            self._speak(peer)

    def _understand(self, peer: Peer, kind: int, body: bytes) -> None:
        if not peer.id:
            self._meet(peer, kind, body)
        elif kind == wire.SUMS:
            number, message = wire.number_of(body)
            if number > self._numbers[peer.id]:  # else it is sent again, and was taken
                self._numbers[peer.id] = number
                self._keep(peer, message)
            peer.going += wire.frame(wire.TAKEN, wire.numbered(number))
        elif kind == wire.MARKED:
            peer.marked = max(peer.marked, wire.number_of(body)[0])
            self._tell_if_marked()
        elif kind == wire.BYE:
            peer.said_bye = True

    def _keep(self, peer: Peer, message: bytes) -> None:
        try:
            sums = wire.unpack(message)
        except Exception as error:
            self._on_error(
                ValueError(
                    f"what {peer.name} sent can't be read ({error}), and is lost. Let both sides "
                    "run the same version of rlviz"
                )
            )
        else:
            self._bytes_in += sum(each.nbytes for _, each in sums)
            self._arrived.extend((peer.id, *part) for part in sums)

    def _meet(self, peer: Peer, kind: int, body: bytes) -> None:
        """Let a sender in that holds the key, and prove to it that this side does."""
        nonce, body = body[: wire.NONCE_BYTES], body[wire.NONCE_BYTES :]
        sender, body = body[: wire.ID_BYTES], body[wire.ID_BYTES :]
        given, name = body[: wire.PROOF_BYTES], body[wire.PROOF_BYTES :]
        expected = wire.proof(self._key, b"sender", peer.nonce, nonce, sender, name)
        if kind != wire.PROOF or not hmac.compare_digest(given, expected):
            raise ValueError("it does not hold the key")
        for other in list(self._peers.values()):  # it comes back, and the old way is dead
            if other.id == sender:
                self._drop(other, says=False)
        last = self._numbers.setdefault(sender, 0)
        peer.name = name.decode("utf-8", "replace")
        own = wire.proof(self._key, b"trainer", nonce, peer.nonce)
        peer.going += wire.frame(wire.WELCOME, own + wire.numbered(last))
        peer.marked = 0  # it may have recorded something since an older mark
        peer.going += wire.frame(wire.MARK, wire.numbered(self._asked))
        peer.id = sender

    def _speak(self, peer: Peer) -> None:
        try:
            del peer.going[: peer.socket.send(peer.going)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._drop(peer)
            return
        self._lookout.watch(peer.socket, to_write=bool(peer.going))
        if len(peer.going) > wire.MOST_BYTES:  # it reads nothing
            self._drop(peer)

    def _drop(self, peer: Peer, *, says: bool = True) -> None:
        if self._peers.pop(peer.socket.fileno(), None) is None:
            return
        self._lookout.forget(peer.socket)
        peer.socket.close()
        if says and peer.id and not peer.said_bye and not self._is_ending:
            self._on_error(
                ConnectionError(
                    f"{peer.name} broke off: if it has died, what it recorded in its last moments "
                    "is lost"
                )
            )
        self._tell_if_marked()

    def _drop_unproven(self) -> None:
        before = time.monotonic() - _PROOF_SECONDS
        for peer in list(self._peers.values()):
            if not peer.id and peer.since < before:
                self._drop(peer)

    def _tell_if_marked(self) -> None:
        if self._mark and not self.unanswered(self._mark):
            self._when_marked()

    def _end(self) -> None:
        for peer in list(self._peers.values()):
            with suppress(OSError):
                peer.socket.setblocking(True)
                peer.socket.settimeout(0.1)
                peer.socket.sendall(bytes(peer.going) + wire.frame(wire.BYE))
            self._drop(peer, says=False)
        self._listener.close()
        self._lookout.close()


def _listening(host: str, port: int) -> socket.socket:
    """Listen by IPv4 and IPv6, as far as the host and its name have them.

    Raises:
        OSError: nothing can listen there.
    """
    both, old, new = socket.has_dualstack_ipv6(), socket.AF_INET, socket.AF_INET6
    families = [*([new] if both and not host else []), old, new]
    if host:
        found = {family for family, *_ in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        families = [family for family in families if family in found]
    failed: OSError | None = None
    for family in families:  # a kernel may know IPv6 and have it switched off
        dual = {"dualstack_ipv6": True} if both and not host and family == new else {}
        try:
            return socket.create_server((host, port), family=family, backlog=1024, **dual)
        except OSError as error:
            failed = failed or error
    raise failed or OSError(f"{host!r} has no address")


_living: "weakref.WeakSet[Receiver]" = weakref.WeakSet()


def _after_fork() -> None:
    for receiver in list(_living):
        receiver.leave()
    _living.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
