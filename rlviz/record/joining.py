"""How a sender and the trainer come together: a connection, on which both prove that they hold the
run's key."""

import hmac
import secrets
import socket
from contextlib import suppress

from rlviz.record import wire

_SECONDS = 5.0
"""How long one address may take, and each answer there."""


def joined(
    address: str, port: int, key: bytes, sender: bytes, name: bytes
) -> tuple[socket.socket, int, bytearray]:
    """A connection to the trainer at an address.

    Args:
        address, port: where it may be.
        key: what both sides must hold.
        sender: the id of this process's sender.
        name: what the trainer calls it.

    Returns:
        The connection, which never blocks; the number of the last frame that the trainer has of
        this sender; and what it has said beyond that, which may be all that it says for long.

    Raises:
        OSError, ValueError: the trainer is not there.
    """
    made = socket.create_connection((address, port), timeout=_SECONDS)
    try:
        with suppress(OSError):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        came = bytearray()
        theirs = _next(made, came, wire.HELLO)
        own = secrets.token_bytes(wire.NONCE_BYTES)
        given = wire.proof(key, b"sender", theirs, own, sender, name)
        made.sendall(wire.frame(wire.PROOF, own + sender + given + name))
        body = _next(made, came, wire.WELCOME)
        proof, rest = body[: wire.PROOF_BYTES], body[wire.PROOF_BYTES :]
        if not hmac.compare_digest(proof, wire.proof(key, b"trainer", own, theirs)):
            raise ValueError("what answers there is not the trainer")
        made.setblocking(False)
        return made, wire.number_of(rest)[0], came
    except BaseException:
        made.close()
        raise


def _next(source: socket.socket, came: bytearray, expected: int) -> bytes:
    while True:
        for kind, body in wire.frames(came, wire.MOST_UNKNOWN):
            if kind != expected:
                raise ValueError("what answers there is not the trainer")
            return body
        if not (piece := source.recv(4096)):
            raise ConnectionError("it hung up")
        came += piece
