"""The work of mnist-1000 as one would write it in PyTorch: 1000 clients with two shards of MNIST, 100 in a round, one
epoch of SGD in batches of 10, the mean of the changes. `python versus-pytorch.py ROUNDS [dp]` prints a JSON line;
`dp` clips each change to norm 0.5 and adds Gaussian noise to the mean. One thread, which is faster here than two.
"""
import gzip
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

CLIENTS, COHORT, BATCH, RATE, CLIP, NOISE = 1000, 100, 10, 0.1, 0.5, 0.94


def read(name):
    """An IDX file of bytes, compressed or not."""
    folder = Path(os.environ["MNIST_DIR"])
    packed = folder / (name + ".gz")
    data = gzip.open(packed).read() if packed.exists() else (folder / name).read_bytes()
    dimensions = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(dimensions)).reshape(dimensions)


def main():
    rounds, private = int(sys.argv[1]), "dp" in sys.argv[2:]
    torch.set_num_threads(1)
    torch.manual_seed(1)
    random = np.random.RandomState(1)
    images = torch.from_numpy(read("train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255)
    labels = torch.from_numpy(read("train-labels-idx1-ubyte").astype(np.int64))
    shards = np.array_split(np.argsort(labels.numpy(), kind="stable"), 2 * CLIENTS)
    order = random.permutation(2 * CLIENTS)
    clients = []
    for client in range(CLIENTS):
        rows = np.concatenate([shards[order[2 * client]], shards[order[2 * client + 1]]])
        clients.append((images[rows], labels[rows]))
    model = nn.Sequential(
        nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    parameters = list(model.parameters())
    shared = [parameter.detach().clone() for parameter in parameters]
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        total = [torch.zeros_like(value) for value in shared]
        for client in random.choice(CLIENTS, COHORT, replace=False):
            rows, classes = clients[client]
            for parameter, value in zip(parameters, shared):
                parameter.data.copy_(value)
            optimizer = torch.optim.SGD(parameters, RATE)
            permutation = torch.randperm(len(rows))
            for first in range(0, len(rows), BATCH):
                batch = permutation[first:first + BATCH]
                optimizer.zero_grad()
                functional.cross_entropy(model(rows[batch]), classes[batch]).backward()
                optimizer.step()
            change = [parameter.detach() - value for parameter, value in zip(parameters, shared)]
            weight = 1.0
            if private:
                norm = float(torch.sqrt(sum((part ** 2).sum() for part in change)))
                weight = min(1.0, CLIP / (norm + 1e-12))
            for part, sum_ in zip(change, total):
                sum_.add_(part, alpha=weight / COHORT)
        for value, sum_ in zip(shared, total):
            value.add_(sum_)
            if private:
                value.add_(torch.randn_like(value), alpha=CLIP * NOISE / COHORT)
        times.append(time.perf_counter() - start)
    # The first round warms up.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"s_round": {"median": statistics.median(times[1:])}, "peak_rss_mb": memory}))


main()
