"""Same weights, same logits: models of `transformers` beside ours, on random tokens of unequal lengths."""
import json, os, subprocess, sys, tempfile
import numpy, torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel, GPT2Config, GPT2LMHeadModel

binary = sys.argv[1]
minilm = sys.argv[2] if len(sys.argv) > 2 else None
folder = tempfile.mkdtemp()
worst = 0.0


def ours(spec, tokens, lengths, outputs):
    rows = numpy.concatenate([numpy.array(lengths)[:, None], tokens], 1).astype("<i4")
    rows.tofile(f"{folder}/tokens")
    command = [binary, "logits", json.dumps(spec), str(tokens.shape[1]), f"{folder}/tokens", f"{folder}/out"]
    subprocess.run(command, check=True)
    return numpy.fromfile(f"{folder}/out", "<f4").reshape(len(tokens), *outputs)


def report(name, found, wanted, mask=None):
    global worst
    difference = numpy.abs(found - wanted)
    if mask is not None:
        difference = difference[mask]
    error = float(difference.max())
    worst = max(worst, error)
    print(f"{name:44s} largest difference {error:.2e}  (largest logit {numpy.abs(wanted).max():.2f})")


def save(model, name):
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items() if key != "lm_head.weight"}
    save_file(state, f"{folder}/{name}.safetensors")
    return f"{folder}/{name}.safetensors"


random = numpy.random.default_rng(1)
torch.manual_seed(1)
for width, heads, depth, length in [(32, 2, 2, 17), (48, 3, 1, 64), (64, 8, 3, 130), (40, 1, 2, 1)]:
    config = GPT2Config(vocab_size=101, n_positions=160, n_embd=width, n_layer=depth, n_head=heads)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    tokens = random.integers(0, 101, (3, length))
    with torch.no_grad():
        wanted = model(torch.tensor(tokens)).logits.numpy()
    spec = dict(preset="gpt2", vocabulary=101, context=160, width=width, depth=depth, heads=heads)
    spec["from"] = save(model, "gpt2")
    report(f"GPT-2 {depth} x {width}, {heads} heads, {length} tokens", ours(spec, tokens, [length] * 3, (length, 101)), wanted)

for width, heads, depth, length, hidden in [(32, 2, 2, 17, 50), (48, 3, 1, 64, 96), (64, 8, 3, 130, 256)]:
    config = BertConfig(
        vocab_size=101, hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads,
        intermediate_size=hidden, max_position_embeddings=160, num_labels=5)
    model = BertForSequenceClassification(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    tokens = random.integers(0, 101, (4, length))
    lengths = [length, length // 2, 1, length - 3]
    mask = torch.tensor([[position < filled for position in range(length)] for filled in lengths])
    with torch.no_grad():
        wanted = model(torch.tensor(tokens), attention_mask=mask.long()).logits.numpy()
    spec = dict(
        preset="bert-classifier", vocabulary=101, context=160, width=width, depth=depth, heads=heads, hidden=hidden,
        classes=5)
    spec["from"] = save(model, "bert")
    report(f"BERT {depth} x {width}, {heads} heads, {length} tokens", ours(spec, tokens, lengths, (5,)), wanted)

if minilm:
    model = BertModel.from_pretrained(minilm, local_files_only=True).eval()
    head = torch.nn.Linear(384, 3)
    length = 96
    tokens = random.integers(1000, 30000, (3, length))
    lengths = [length, 40, 7]
    mask = torch.tensor([[position < filled for position in range(length)] for filled in lengths])
    with torch.no_grad():
        hidden = model(torch.tensor(tokens), attention_mask=mask.long()).last_hidden_state
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        wanted = head(mean).numpy()
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    state |= {"classifier.weight": head.weight.data.clone(), "classifier.bias": head.bias.data.clone()}
    save_file(state, f"{folder}/minilm.safetensors")
    spec = dict(preset="bert-classifier", size="minilm-l6", hidden=1536, classes=3, pooling="mean")
    spec["from"] = {"file": f"{folder}/minilm.safetensors", "ignore": ["pooler.*"]}
    report("MiniLM-L6, 22.7 M, published", ours(spec, tokens, lengths, (3,)), wanted)
print(f"worst {worst:.2e}: {'within' if worst < 1e-4 else 'NOT within'} 1e-4")
sys.exit(worst >= 1e-4)
