"""Flower's server for the comparison: federated averaging over TLS. Prints a JSON line: seconds of each round, from its
beginning to the next one's; its own processor seconds and peak memory.

    python server.py PORT CLIENTS BYTES ROUNDS FOLDER      FOLDER holds ca.crt, server.crt and server.key

Two more rounds are held than measured: the first warms up, the beginning of the last ends the measurement.
"""
import json
import resource
import sys
import time
from pathlib import Path

import numpy
from flwr.common import ndarrays_to_parameters
from flwr.server import ServerConfig, start_server
from flwr.server.strategy import FedAvg


class Timed(FedAvg):
    """Federated averaging that notes when each round begins."""

    def __init__(self, **options):
        super().__init__(**options)
        self.marks, self.replies = [], []

    def configure_fit(self, server_round, parameters, client_manager):
        self.marks.append((time.perf_counter(), time.process_time()))
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round, results, failures):
        self.replies.append(len(results))
        return super().aggregate_fit(server_round, results, failures)


def main():
    port, clients, size, rounds = (int(word) for word in sys.argv[1:5])
    folder = Path(sys.argv[5])
    weights = numpy.random.default_rng(1).standard_normal(size // 4, dtype=numpy.float32)
    strategy = Timed(
        fraction_fit=1.0, fraction_evaluate=0.0, min_fit_clients=clients, min_available_clients=clients,
        initial_parameters=ndarrays_to_parameters([weights]))
    del weights
    start_server(
        server_address=f"127.0.0.1:{port}", config=ServerConfig(num_rounds=rounds + 2), strategy=strategy,
        certificates=tuple((folder / name).read_bytes() for name in ("ca.crt", "server.crt", "server.key")))
    if strategy.replies != [clients] * (rounds + 2):
        sys.exit(f"not every client answered in every round: {strategy.replies}")
    measured = strategy.marks[1:]
    print(json.dumps({
        "seconds": [after[0] - before[0] for before, after in zip(measured, measured[1:])],
        "processor_seconds": [after[1] - before[1] for before, after in zip(measured, measured[1:])],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


main()
