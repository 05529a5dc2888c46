"""Steps of the models of `sordino-bench training` as one would write them in PyTorch: gather a batch, forward, backward,
plain descent; float32, one thread. Reads names of steps, one a line, from the standard input, and answers each with a JSON line of
the median processor time of a step in seconds. Sizes are those of the presets, data are made up.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as functional
from torch import nn


class CNN(nn.Module):
    """McMahan et al. 2017: 1,663,370 parameters."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.hidden, self.classes = nn.Linear(7 * 7 * 64, 512), nn.Linear(512, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.first(x)), 2)
        x = functional.max_pool2d(functional.relu(self.second(x)), 2)
        return self.classes(functional.relu(self.hidden(x.flatten(1))))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group norm beside the input, or a 1x1 convolution of it."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(min(32, width // 4), width) for _ in range(2))
        plain = stride == 1 and inputs == width
        self.skip = nn.Identity() if plain else nn.Conv2d(inputs, width, 1, stride, bias=False)

    def forward(self, x):
        inner = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(self.norms[1](self.second(inner)) + self.skip(x))


class ResNet(nn.Module):
    """He et al. 2016 on small images, with group norm."""

    def __init__(self, widths, blocks):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.GroupNorm(8, widths[0])
        layers, inputs = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(ResidualBlock(inputs, width, 2 if stage and not block else 1))
                inputs = width
        self.blocks, self.classes = nn.Sequential(*layers), nn.Linear(inputs, 10)

    def forward(self, x):
        return self.classes(self.blocks(functional.relu(self.norm(self.stem(x)))).mean((2, 3)))


class Recurrent(nn.Module):
    """An embedding, a recurrence, and the next token at each position."""

    def __init__(self, kind, embedding, depth):
        super().__init__()
        self.embedding = nn.Embedding(80, embedding)
        self.recurrence = kind(embedding, 256, depth, batch_first=True)
        self.tokens = nn.Linear(256, 80)

    def forward(self, x):
        return self.tokens(self.recurrence(self.embedding(x))[0]).flatten(0, 1)


class Adapted(nn.Module):
    """A frozen linear layer with a low-rank product beside it (Hu et al. 2021)."""

    def __init__(self, linear, rank):
        super().__init__()
        self.linear = linear
        self.down = nn.Linear(linear.in_features, rank, bias=False)
        self.up = nn.Linear(rank, linear.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.linear(x) + self.up(self.down(x))


class Block(nn.Module):
    """GPT-2's block."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.hidden, self.back = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        count, time_, width = x.shape
        parts = self.attention(self.norms[0](x)).view(count, time_, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(count, time_, width))
        return x + self.back(functional.gelu(self.hidden(self.norms[1](x)), approximate="tanh"))


class GPT(nn.Module):
    """GPT-2 with tied embeddings; with a rank, adapters on the attention and all else frozen."""

    def __init__(self, vocabulary, context, width, depth, heads, rank=None):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        for embedding in (self.tokens, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)
        if rank:
            self.requires_grad_(False)
            for block in self.blocks:
                block.attention = Adapted(block.attention, rank)

    def forward(self, x):
        x = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
        return (self.norm(self.blocks(x)) @ self.tokens.weight.T).flatten(0, 1)


def images(shape):
    return lambda count: (torch.rand(count, *shape), torch.randint(0, 10, (count,)))


def text(length, vocabulary):
    return lambda count: tuple(torch.randint(0, vocabulary, (count, length)) for _ in range(2))


# By the name of the step: the model, its data, the size of a batch.
STEPS = {
    "cnn-batch-10": (CNN, images([1, 28, 28]), 10),
    "cnn-batch-50": (CNN, images([1, 28, 28]), 50),
    "resnet-8-batch-10": (lambda: ResNet([16, 32, 64], 1), images([3, 32, 32]), 10),
    "resnet-18-batch-10": (lambda: ResNet([64, 128, 256, 512], 2), images([3, 32, 32]), 10),
    "char-lstm-batch-10": (lambda: Recurrent(nn.LSTM, 8, 2), text(80, 80), 10),
    "gru-text-batch-10": (lambda: Recurrent(nn.GRU, 64, 1), text(80, 80), 10),
    "char-gpt-batch-10": (lambda: GPT(80, 128, 128, 4, 4), text(128, 80), 10),
    "char-gpt-batch-32": (lambda: GPT(80, 128, 128, 4, 4), text(128, 80), 32),
    "gpt2-124m-batch-1": (lambda: GPT(50257, 1024, 768, 12, 12), text(128, 50257), 1),
    "gpt2-124m-lora-batch-1": (lambda: GPT(50257, 1024, 768, 12, 12, rank=8), text(128, 50257), 1),
}


def measure(make, data, batch, least_seconds=0.7, least_steps=5, rate=0.001):
    """Median processor seconds of a step, after two that warm up."""
    model, (rows, targets) = make(), data(4 * batch)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    times = []
    while len(times) < 2 + least_steps or sum(times[2:]) < least_seconds:
        start = time.process_time()
        chosen = torch.randint(0, len(rows), (batch,))
        for parameter in parameters:
            parameter.grad = None
        functional.cross_entropy(model(rows[chosen]), targets[chosen].flatten()).backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter.add_(parameter.grad, alpha=-rate)
        times.append(time.process_time() - start)
    return statistics.median(times[2:])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for line in sys.stdin:
        print(json.dumps({"seconds": measure(*STEPS[line.strip()])}), flush=True)


main()
