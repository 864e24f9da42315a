"""The service as a process: its socket, its signals, uvicorn."""

import re
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from interplay.errors import BadInput
from interplay.serving.limits import Limits
from interplay.serving.protocol import TimedProtocol

SHORTEST_TOKEN = 16
SEND_BUFFER = 256_000
"""Bytes of an answer that the system holds for one connection; by itself it would hold megabytes for each."""


@dataclass(frozen=True)
class Address:
    """A socket that is bound but not listened on yet."""

    socket: socket.socket
    loopback: bool
    url: str


def bind(host: str, port: int) -> Address:
    """Bind the address, before anything that takes long.

    Args:
        host: name or address to listen on.
        port: 0 is any that is free.

    Raises:
        BadInput: it is not available.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadInput(f"--host {host}: {error.strerror}", expected="a name or an address of this machine") from None
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.bind(where)
    except OSError as error:
        sock.close()
        raise BadInput(
            f"cannot listen on {host} port {port}: {error.strerror}",
            fix="choose another --port, or 0 for any that is free",
        ) from None
    at, chosen = sock.getsockname()[:2]
    name = f"[{at}]" if family == socket.AF_INET6 else at
    return Address(sock, ip_address(at).is_loopback, f"http://{name}:{chosen}")


def choose_token(given: str | None, loopback: bool) -> str | None:
    """The token to ask for: the given one; else a new one, or none if only this machine can connect.

    Args:
        given: what the user chose, if anything.
        loopback: whether only this machine can connect.

    Raises:
        BadInput: the token can be guessed.
    """
    if given is None:
        return None if loopback else secrets.token_urlsafe(24)
    if len(given) < SHORTEST_TOKEN or not given.isascii() or not given.isprintable() or " " in given:
        raise BadInput(
            f"the token has {len(given)} characters",
            expected=f"at least {SHORTEST_TOKEN}: letters, digits and signs, no blanks",
            fix="leave it out, and one is made",
        )
    return given


def refuse_public_host(name: str | None) -> None:
    """Refuse what is no name of a host.

    Args:
        name: what the user gave, if anything.

    Raises:
        BadInput: it is none.
    """
    if name is not None and not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", name):
        raise BadInput(
            f"--public-host {name!r} is no name of a host",
            expected="a name alone, as interplay.example",
            fix="leave out https://, the port and the path",
        )


def server_of(app: ASGIApp, limits: Limits, proxied: bool = False) -> uvicorn.Server:
    """A uvicorn server with our limits, without its own log lines.

    Args:
        app: the service.
        limits: the service's limits.
        proxied: whether a reverse proxy on this machine says whose requests it forwards.
    """
    config = uvicorn.Config(
        app,
        http=type("Protocol", (TimedProtocol,), {"limits": limits}),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=proxied,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def serve(app: ASGIApp, address: Address, limits: Limits, proxied: bool = False) -> None:
    """Answer requests until Ctrl-C or SIGTERM; requests that are being answered are finished.

    Args:
        app: the service.
        address: what `bind` returned.
        limits: the service's limits.
        proxied: whether a reverse proxy on this machine says whose requests it forwards.
    """
    with _stopped_quietly():
        server_of(app, limits, proxied).run(sockets=[address.socket])


@contextmanager
def _stopped_quietly() -> Iterator[None]:
    """Ignore the signal that stopped uvicorn, which it raises once more at the end, with nothing left to stop."""

    def nothing(number: int, frame: FrameType | None) -> None:
        pass

    before = {number: signal.signal(number, nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
