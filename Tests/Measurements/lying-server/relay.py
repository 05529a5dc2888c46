"""Relays TCP connections to a server and writes down what the server receives, and when.

Usage: relay.py SERVER_PORT LOG [LOG ...]: listens on one port a log, prints the ports in one line, and appends
"SECONDS CONNECTION BYTES" to the log for every piece that an agent sends.
"""

import asyncio
import sys
import time


async def pump(reader, writer, note=None):
    try:
        while piece := await reader.read(1 << 16):
            if note:
                note(len(piece))
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server, logs = int(sys.argv[1]), sys.argv[2:]
    connections = 0

    async def relay(log, reader, writer):
        nonlocal connections
        connections += 1
        number = connections
        try:
            below = await asyncio.open_connection("127.0.0.1", server)
        except ConnectionError:
            writer.close()
            return

        def note(count):
            log.write(f"{time.monotonic():.6f} {number} {count}\n")
            log.flush()

        await asyncio.gather(pump(reader, below[1], note), pump(below[0], writer))

    servers = []
    for path in logs:
        log = open(path, "a")
        servers.append(
            await asyncio.start_server(lambda r, w, log=log: relay(log, r, w), "127.0.0.1", 0))
    print(*[made.sockets[0].getsockname()[1] for made in servers], flush=True)
    await asyncio.gather(*[made.serve_forever() for made in servers])


asyncio.run(main())
