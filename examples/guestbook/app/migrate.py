"""Brings the data to the shape that the application expects, then ends; running it again changes nothing."""
import asyncio
import os

from resp import Redis

VERSION = 1


async def main():
    redis = Redis(os.environ["REDIS_HOST"])
    found = int(await redis.command("GET", "schema") or 0)
    if found < 1:
        await redis.command("LPUSH", "entries", "this guestbook is open")
    await redis.command("SET", "schema", VERSION)
    print(f"schema: version {found} -> {VERSION}" if found != VERSION else f"schema: version {VERSION} already")


asyncio.run(main())
