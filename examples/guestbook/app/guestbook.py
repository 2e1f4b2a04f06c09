"""The guestbook: plain HTTP on port 8000, standard library only.

GET /         counts the visit and shows the newest entries
POST /        adds the body as an entry
GET /healthz  200 when redis answers
"""
import asyncio
import os
import signal
import sys

from resp import Redis, RedisError

PORT = 8000
MAX_BODY = 1000
TITLE = os.environ.get("GUESTBOOK_TITLE", "Guestbook")


async def show(redis, _body):
    visits = await redis.command("INCR", "visits")
    entries = await redis.command("LRANGE", "entries", 0, 9)
    lines = [TITLE, f"visit {visits}", *(f"- {entry}" for entry in entries)]
    return 200, "\n".join(lines) + "\n"


async def sign(redis, body):
    entry = " ".join(body.decode("utf-8", "replace").split())
    if not entry:
        return 400, "an entry is a line of text\n"
    await redis.command("LPUSH", "entries", entry)
    await redis.command("LTRIM", "entries", 0, 99)
    return 201, "thank you\n"


async def health(redis, _body):
    await redis.command("PING")
    return 200, "ok\n"


ROUTES = {("GET", "/"): show, ("POST", "/"): sign, ("GET", "/healthz"): health}
REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large",
           503: "Service Unavailable"}


async def read_request(reader):
    """Method, path, body length; None when the client has gone."""
    head = await reader.readuntil(b"\r\n\r\n")
    request, *headers = head.decode("latin-1").split("\r\n")
    method, target, _version = request.split(" ")
    length = 0
    for header in headers:
        name, _, value = header.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return method, target.split("?")[0], length


async def answer(redis, reader, writer):
    try:
        method, path, length = await asyncio.wait_for(read_request(reader), timeout=10)
        if length > MAX_BODY:
            status, text = 413, "too long\n"
        else:
            body = await asyncio.wait_for(reader.readexactly(length), timeout=10)
            handler = ROUTES.get((method, path))
            status, text = await handler(redis, body) if handler else (404, "not found\n")
    except (OSError, RedisError, asyncio.TimeoutError) as problem:
        status, text = 503, f"redis: {problem!r}\n"
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        status, text = 400, "bad request\n"
    data = text.encode()
    writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    try:
        await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    redis = Redis(os.environ["REDIS_HOST"])
    server = await asyncio.start_server(lambda r, w: answer(redis, r, w), "0.0.0.0", PORT)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"listening on port {PORT}")
    await stop.wait()
    server.close()
    print("stopped")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
