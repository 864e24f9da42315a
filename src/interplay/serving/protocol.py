"""HTTP on one connection: uvicorn's, with what it lacks against clients that do not write, or do not read."""

import asyncio
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from interplay.serving.errors import ErrorBody, error_response
from interplay.serving.limits import Limits
from interplay.serving.middleware import HEADERS

BYTES_PER_SECOND = 1_000
"""What a client must at least read of an answer, between two looks."""

NOT_HTTP = ErrorBody(
    error="the request is not HTTP, or its chunks are malformed",
    expected="HTTP/1.1; of a chunked body, each chunk after its length in hexadecimal",
    fix="send it with an HTTP client, or the body with a Content-Length",
)
TOO_MANY = ErrorBody(
    error="too many connections are open",
    expected="fewer at one time",
    fix="close those that are not needed, and try again in some seconds",
)


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers while there are too many connections; instead of uvicorn's, whose answer is not in JSON."""
    headers = HEADERS | {"Connection": "close", "Retry-After": "5"}
    await error_response(TOO_MANY, 503, headers)(scope, receive, send)


class TimedProtocol(H11Protocol):
    """Closes connections whose request headers do not become whole in time, and those whose client does not read.

    uvicorn waits for both without end: a few hundred such connections, and it takes no others.
    """

    limits = Limits()
    _timer: asyncio.TimerHandle | None = None
    _look: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio for a new connection.

        Args:
            transport: the connection.
        """
        super().connection_made(transport)
        self._arm()
        self._look = self.loop.call_later(self.limits.read_seconds, self._look_at_reader)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio for bytes that arrived.

        Args:
            data: the bytes.
        """
        self.app = _too_many if len(self.connections) > self.limits.connections else self.config.loaded_app
        super().data_received(data)
        if self._between_requests():
            self._arm()
        else:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio when the connection is closed.

        Args:
            exc: why, if there was an error.
        """
        self._disarm()
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for what is not HTTP; also in the midst of a body, when the answer may be on its way.

        Args:
            msg: uvicorn's word for it.
        """
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = NOT_HTTP.model_dump_json().encode()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
            event = h11.Response(status_code=400, headers=list((headers | HEADERS).items()), reason=b"Bad Request")
            for part in (event, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part))
        if self.cycle is not None:  # whoever reads the body learns that nobody is there any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.limits.header_seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._between_requests() and not self.transport.is_closing():
            self.transport.close()

    def _look_at_reader(self) -> None:
        """Every `read_seconds`: what was unread must have become less, or the connection is gone at once.

        `close` would wait until it is read; so does a connection that was closed already.
        """
        unread = self.transport.get_write_buffer_size()
        least = self._unread - BYTES_PER_SECOND * self.limits.read_seconds
        if self._unread and unread and unread > least:
            self.transport.abort()
            return
        self._unread = unread
        self._look = self.loop.call_later(self.limits.read_seconds, self._look_at_reader)
