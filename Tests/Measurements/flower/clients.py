"""Flower's clients for the comparison: each a process that gives the weights back as it got them.

    python clients.py PORT CLIENTS AUTHORITY PROCESSES

AUTHORITY is the certificate to trust; the numbers of the processes are written to the file PROCESSES. The clients are
forked from one that has loaded Flower, so that two hundred start within seconds.
"""
import contextlib
import os
import signal
import sys
from pathlib import Path

from flwr.client import NumPyClient, start_client


class Returner(NumPyClient):
    """A client that changes nothing."""

    def get_parameters(self, config):
        return []

    def fit(self, parameters, config):
        return parameters, 1, {}


def main():
    port, clients, authority = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    children = []
    for _ in range(clients):
        child = os.fork()
        if child == 0:
            start_client(
                server_address=f"127.0.0.1:{port}", client=Returner().to_client(), root_certificates=authority)
            os._exit(0)
        children.append(child)
    Path(sys.argv[4]).write_text(" ".join(map(str, children)))

    def end(*_):
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    for child in children:
        os.waitpid(child, 0)


main()
