"""A trainer that attacks its agent, in another way each round: what it must not do is end it. The last round is honest."""

import json
import os
import shutil
import sys
import time

import torch
from safetensors.torch import load_file, save_file

source, target = os.environ["SORDINO_MODEL_IN"], os.environ["SORDINO_MODEL_OUT"]
with open(os.environ["SORDINO_CONFIG"]) as file:
    number = json.load(file)["round"]
state = load_file(source)
metadata = {"examples": "10"}


def never_ends():
    time.sleep(600)


def takes_memory():
    torch.ones(1 << 40)


def wrong_shape():
    save_file({name: value.reshape(-1).clone() for name, value in state.items()}, target, metadata)


def not_a_number():
    save_file({name: value * float("nan") for name, value in state.items()}, target, metadata)


def extra_tensor():
    save_file({**state, "extra": torch.zeros(3)}, target, metadata)


def extra_files():
    folder = os.path.dirname(target)
    for name in range(100):
        with open(f"{folder}/file-{name}", "w") as file:
            file.write("x" * 1000)
    os.makedirs(f"{folder}/deep/er")
    os.symlink("/etc/passwd", f"{folder}/link")


def a_link():
    os.symlink("/dev/zero", target)


def a_pipe():
    os.mkfifo(target)


def too_long():
    with open(target, "wb") as file:
        for _ in range(1 << 12):
            file.write(bytes(1 << 20))


def no_examples():
    save_file(state, target)


def fails():
    sys.exit("I will not")


def nothing_left():
    shutil.rmtree(os.path.dirname(target))


attacks = [never_ends, takes_memory, wrong_shape, not_a_number, extra_tensor, extra_files, a_link, a_pipe, too_long,
           no_examples, fails, nothing_left]
if number <= len(attacks):
    attacks[number - 1]()
else:
    save_file(state, target, metadata)
