"""An external trainer: PyTorch trains on this host's data, the agent does everything else.

The agent runs it once a round with three paths in the environment:

  SORDINO_MODEL_IN    the global model (safetensors); tensors are named as in a torch.nn.Sequential's state_dict
  SORDINO_CONFIG      the task (JSON): training options, how inputs are prepared, round and seed
  SORDINO_MODEL_OUT   where to leave the trained model: the same tensors, and the metadata "examples"

Whatever it leaves is checked, clipped, noised and charged to the budget by the agent. Needs `pip install torch safetensors`.
Usage: python3 train.py DATA.csv   (the last column is the label, there is no header)
"""

import csv
import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file


def examples(path, preprocessing):
    """Rows as the task wants them: each column moved and scaled as in the published model."""
    with open(path, newline="") as file:
        rows = [[float(field) for field in row] for row in csv.reader(file)]
    table = torch.tensor(rows)
    columns = preprocessing["columns"]
    center = torch.tensor([column["center"] for column in columns])
    scale = torch.tensor([column["scale"] for column in columns])
    return (table[:, :-1] - center) / scale, table[:, -1].long()


def network(tensors):
    """Dense layers at the places that the tensors' names say, rectifiers between them."""
    dense = {int(name.split(".")[0]): value.shape for name, value in tensors.items() if name.endswith(".weight")}
    layers = [
        torch.nn.Linear(dense[place][1], dense[place][0]) if place in dense else torch.nn.ReLU()
        for place in range(max(dense) + 1)
    ]
    model = torch.nn.Sequential(*layers)
    model.load_state_dict(tensors)
    return model


def main():
    torch.set_num_threads(1)
    with open(os.environ["SORDINO_CONFIG"]) as file:
        config = json.load(file)
    torch.manual_seed(config["round"])
    training = config["training"]
    features, labels = examples(sys.argv[1], config["preprocessing"])
    model = network(load_file(os.environ["SORDINO_MODEL_IN"]))
    optimizer = torch.optim.SGD(model.parameters(), lr=training["learning_rate"])
    for _ in range(training["local_epochs"]):
        for batch in torch.randperm(len(features)).split(training["batch_size"]):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features[batch]), labels[batch]).backward()
            optimizer.step()
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, os.environ["SORDINO_MODEL_OUT"], metadata={"examples": str(len(features))})


main()
