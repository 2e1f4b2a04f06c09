"""A client for redis in sixty lines: the RESP2 protocol over asyncio streams."""
import asyncio
import os


class RedisError(Exception):
    """redis answered with an error."""


def password():
    with open(os.environ["REDIS_PASSWORD_FILE"], encoding="utf-8") as file:
        return file.read().strip()


class Redis:
    """One connection, opened when it is needed and again after it broke. Commands take turns."""

    def __init__(self, host, port=6379):
        self.host, self.port = host, port
        self.reader = self.writer = None
        self.turn = asyncio.Lock()

    async def command(self, *words):
        async with self.turn:
            for attempt in (1, 2):
                try:
                    if self.writer is None:
                        await self._connect()
                    return await asyncio.wait_for(self._exchange(words), timeout=2)
                except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                    self._close()
                    if attempt == 2:
                        raise

    async def _connect(self):
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection(self.host, self.port), timeout=2)
        await self._exchange(("AUTH", password()))

    def _close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def _exchange(self, words):
        self.writer.write(b"*%d\r\n" % len(words))
        for word in words:
            data = str(word).encode()
            self.writer.write(b"$%d\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()
        return await self._answer()

    async def _answer(self):
        line = (await self.reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if int(rest) < 0:
                return None
            return (await self.reader.readexactly(int(rest) + 2))[:-2].decode()
        if kind == b"*":
            return [await self._answer() for _ in range(int(rest))]
        return rest.decode()
