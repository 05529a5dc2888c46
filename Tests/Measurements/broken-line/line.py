"""A slow TCP line on this machine that breaks: line.py TARGET BYTES_A_SECOND SECONDS_A_CONNECTION [FILE]

Prints its port. Each connection is reset after so many seconds; the port of the target is read anew from FILE, where there
is one, for every connection, so that a server may come back on another."""
import random
import socket
import struct
import sys
import threading
import time

target, rate, span = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
where = sys.argv[4] if len(sys.argv) > 4 else None


def end(*sockets):
    for one in sockets:
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        except OSError:
            pass


def pump(source, sink, deadline, both):
    sent, began = 0, time.monotonic()
    try:
        while time.monotonic() < deadline:
            source.settimeout(max(0.01, deadline - time.monotonic()))
            piece = source.recv(65536)
            if not piece:
                break
            sink.sendall(piece)
            sent += len(piece)
            ahead = sent / rate - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(min(ahead, max(0, deadline - time.monotonic())))
    except OSError:
        pass
    end(*both)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    try:
        port = int(open(where).read()) if where else target
        server = socket.create_connection(("127.0.0.1", port))
    except (OSError, ValueError):
        end(client)
        continue
    deadline = time.monotonic() + span * random.uniform(0.5, 1.5)
    for source, sink in ((client, server), (server, client)):
        threading.Thread(target=pump, args=(source, sink, deadline, (client, server)), daemon=True).start()
