"""Flower's server for the comparison: federated averaging over TLS. Prints a JSON line: seconds of each round, from its
beginning to the next one's; processor seconds a round of its own and of the clients; its peak memory.

    python server.py PORT CLIENTS BYTES ROUNDS FOLDER PROCESSES

FOLDER holds ca.crt, server.crt and server.key; the file PROCESSES names the clients' processes once they have started.

Two more rounds are held than measured: the first warms up, the beginning of the last ends the measurement.
"""
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy
from flwr.common import ndarrays_to_parameters
from flwr.server import ServerConfig, start_server
from flwr.server.strategy import FedAvg


def processor_seconds(process):
    """Processor time of a process so far, from /proc/PID/stat (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Timed(FedAvg):
    """Federated averaging that notes when each round begins."""

    def __init__(self, processes, **options):
        super().__init__(**options)
        self.processes, self.marks, self.replies = processes, [], []

    def configure_fit(self, server_round, parameters, client_manager):
        # All are there in the second round, the first that is measured.
        clients = self.processes.read_text().split() if server_round > 1 else []
        self.marks.append((time.perf_counter(), time.process_time(), sum(map(processor_seconds, clients))))
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round, results, failures):
        self.replies.append(len(results))
        return super().aggregate_fit(server_round, results, failures)


def main():
    port, clients, size, rounds = (int(word) for word in sys.argv[1:5])
    folder = Path(sys.argv[5])
    weights = numpy.random.default_rng(1).standard_normal(size // 4, dtype=numpy.float32)
    strategy = Timed(
        Path(sys.argv[6]), fraction_fit=1.0, fraction_evaluate=0.0, min_fit_clients=clients, min_available_clients=clients,
        initial_parameters=ndarrays_to_parameters([weights]))
    del weights
    start_server(
        server_address=f"127.0.0.1:{port}", config=ServerConfig(num_rounds=rounds + 2), strategy=strategy,
        certificates=tuple((folder / name).read_bytes() for name in ("ca.crt", "server.crt", "server.key")))
    if strategy.replies != [clients] * (rounds + 2):
        sys.exit(f"not every client answered in every round: {strategy.replies}")
    measured = list(zip(strategy.marks[1:], strategy.marks[2:]))
    print(json.dumps({
        "seconds": [after[0] - before[0] for before, after in measured],
        "processor_seconds": [after[1] - before[1] for before, after in measured],
        "clients_processor_seconds": [after[2] - before[2] for before, after in measured],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


main()
