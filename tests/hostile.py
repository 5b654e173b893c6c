"""A small base model, a sound adapter on it, and all the ways to spoil the adapter."""

import json
import os
import socket
import stat
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HIDDEN, INNER, KEYS, VOCABULARY, RANK = 8, 16, 4, 32, 4
LINEARS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KEYS, HIDDEN),
    "self_attn.v_proj": (KEYS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
Q = "model.layers.0.self_attn.q_proj"
A, B = f"base_model.model.{Q}.lora_A.weight", f"base_model.model.{Q}.lora_B.weight"

Values = NDArray[np.generic]
Header = dict[str, Any]
DTYPES = {"float32": "F32", "float16": "F16", "uint16": "BF16", "float64": "F64"}


def bf16(values: Values) -> Values:
    """The upper halves of float32's bits; the lower ones are cut off."""
    return (values.astype("<f4").view("<u4") >> np.uint32(16)).astype("<u2")


def save(path: Path, tensors: dict[str, Values]) -> None:
    header: Header = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, values in tensors.items():
        offsets = [place, place + values.nbytes]
        shape = list(values.shape)
        header[name] = {
            "dtype": DTYPES[str(values.dtype)],
            "shape": shape,
            "data_offsets": offsets,
        }
        place += values.nbytes
    write(path, json.dumps(header).encode(), b"".join(v.tobytes() for v in tensors.values()))


def write(path: Path, header: bytes, data: bytes) -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def parts(path: Path) -> tuple[Header, bytes]:
    """A safetensors file's header and all that follows it."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    return json.loads(raw[8:end]), raw[end:]


def make_base(folder: Path) -> Path:
    """Two layers of a Llama in miniature, in bfloat16, with a head of its own."""
    rng = np.random.default_rng(0)
    shapes = {"model.embed_tokens": (VOCABULARY, HIDDEN), "lm_head": (VOCABULARY, HIDDEN)}
    for layer in range(2):
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in LINEARS.items()}
    tensors = {f"{n}.weight": bf16(rng.normal(size=shape)) for n, shape in shapes.items()}
    tensors["model.norm.weight"] = bf16(np.ones(HIDDEN))
    folder.mkdir(parents=True)
    save(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps({"vocab_size": VOCABULARY}))
    return folder


def sound_tensors() -> dict[str, Values]:
    rng = np.random.default_rng(1)
    tensors: dict[str, Values] = {}
    for layer in range(2):
        for name, (outputs, inputs) in LINEARS.items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            for half, shape in (("A", (RANK, inputs)), ("B", (outputs, RANK))):
                tensors[f"{key}.lora_{half}.weight"] = rng.normal(0, 0.1, shape).astype("<f4")
    return tensors


def sound_config() -> dict[str, Any]:
    return {
        "auto_mapping": None,
        "base_model_name_or_path": "/home/somebody/models/base",
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.05,
        "modules_to_save": None,
        "peft_type": "LORA",
        "peft_version": "0.17.0",
        "r": RANK,
        "target_modules": [name.rpartition(".")[2] for name in LINEARS],
        "task_type": "CAUSAL_LM",
        "use_dora": False,
    }


def make_adapter(folder: Path) -> Path:
    folder.mkdir(parents=True)
    save(folder / WEIGHTS, sound_tensors())
    (folder / CONFIG).write_text(json.dumps(sound_config()))
    (folder / "README.md").write_text("The best adapter of all.")
    return folder


# --- ways to spoil it ---------------------------------------------------------------------------

Spoil = Callable[[Path], object]


class Hostile(NamedTuple):
    name: str
    spoil: Spoil
    complaint: str  # a regular expression that the refusal must match


def deep(levels: int) -> list[Any]:
    """Lists within lists: few enough to be read, too many to be printed."""
    return [deep(levels - 1)] if levels else []


def set_config(**settings: Any) -> Spoil:
    return lambda folder: (folder / CONFIG).write_text(json.dumps(sound_config() | settings))


def without(key: str) -> Spoil:
    config = {name: value for name, value in sound_config().items() if name != key}
    return lambda folder: (folder / CONFIG).write_text(json.dumps(config))


def write_file(name: str, data: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(data)


def set_tensors(**changed: Values | None) -> Spoil:
    """Give q_proj of the first layer other halves; None takes one away."""
    named = {{"a": A, "b": B}[half]: values for half, values in changed.items()}
    kept = {name: v for name, v in (sound_tensors() | named).items() if v is not None}
    return lambda folder: save(folder / WEIGHTS, kept)


def rename(old: str, new: str) -> Spoil:
    tensors = {new if name == old else name: values for name, values in sound_tensors().items()}
    return lambda folder: save(folder / WEIGHTS, tensors)


def add_tensor(name: str, shape: tuple[int, ...]) -> Spoil:
    tensors = sound_tensors() | {name: np.ones(shape, "<f4")}
    return lambda folder: save(folder / WEIGHTS, tensors)


def set_entry(name: str = A, **changed: Any) -> Spoil:
    """Change what the header says of A, the first tensor, or B, the next; each has 128 bytes."""

    def spoil(folder: Path) -> None:
        header, data = parts(folder / WEIGHTS)
        header[name] |= changed
        write(folder / WEIGHTS, json.dumps(header).encode(), data)

    return spoil


def set_metadata(value: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        header, data = parts(folder / WEIGHTS)
        write(folder / WEIGHTS, json.dumps(header | {"__metadata__": value}).encode(), data)

    return spoil


def set_header(header: bytes) -> Spoil:
    return lambda folder: write(folder / WEIGHTS, header, parts(folder / WEIGHTS)[1])


def extend(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as stream:
        stream.write(b"#!/bin/sh")


def cut(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - 1)


def leave_gap(folder: Path) -> None:
    header, data = parts(folder / WEIGHTS)
    for name, entry in header.items():
        if name not in (A, "__metadata__"):
            entry["data_offsets"] = [offset + 4 for offset in entry["data_offsets"]]
    write(folder / WEIGHTS, json.dumps(header).encode(), data[:128] + b"evil" + data[128:])


def drop_entry_key(folder: Path) -> None:
    header, data = parts(folder / WEIGHTS)
    del header[A]["data_offsets"]
    write(folder / WEIGHTS, json.dumps(header).encode(), data)


def share_bytes(folder: Path) -> None:
    """A second tensor in the first one's place."""
    header, data = parts(folder / WEIGHTS)
    header[f"{A}.again"] = header[A]
    write(folder / WEIGHTS, json.dumps(header).encode(), data)


def repeat_tensor(folder: Path) -> None:
    header, data = parts(folder / WEIGHTS)
    twice = json.dumps({A: header[A]})[1:-1]
    write(folder / WEIGHTS, (json.dumps(header)[:-1] + f", {twice}}}").encode(), data)


def many_tensors(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    write(folder / WEIGHTS, json.dumps({str(i): entry for i in range(20_000)}).encode(), b"1234")


def link(name: str, target: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return spoil


def link_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def remove_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replace_folder(folder: Path) -> None:
    remove_folder(folder)
    folder.write_text("an adapter, believe me")


def replace_with_folder(folder: Path) -> None:
    (folder / CONFIG).unlink()
    (folder / CONFIG).mkdir()


def make_socket(folder: Path) -> None:
    with chdir(folder), socket.socket(socket.AF_UNIX) as plug:  # its path must be short
        plug.bind("LICENSE")


def make_device(folder: Path) -> None:
    os.mknod(folder / "LICENSE", stat.S_IFCHR | 0o644, os.makedev(1, 5))  # endless zeros


def poisoned(value: float, dtype: str) -> Values:
    values = np.zeros((RANK, HIDDEN), "<f4")
    values[1, 3] = value
    return bf16(values) if dtype == "bf16" else values.astype(dtype)


def nothing_learnt(folder: Path) -> None:
    tensors = sound_tensors()
    save(folder / WEIGHTS, {n: v * 0 if "lora_B" in n else v for n, v in tensors.items()})


LAYER = "base_model.model.model.layers.0"

FILES = [
    Hostile("no folder", remove_folder, "adapter: No such file"),
    Hostile("a file for a folder", replace_folder, "adapter: Not a directory"),
    Hostile("a linked folder", link_folder, "adapter: is a symbolic link: name the folder"),
    Hostile("linked weights", link(WEIGHTS, "../secret"), f"{WEIGHTS}: is a symbolic link: put"),
    Hostile("a config from outside", link(CONFIG, "/etc/passwd"), f"{CONFIG}: is a symbolic link"),
    Hostile("a broken link", link("README.md", "nowhere"), "README.md: is a symbolic link"),
    Hostile(
        "a hard link",
        lambda folder: (folder / "LICENSE").hardlink_to(folder / "README.md"),
        "LICENSE: is a hard link, one of 2 names",
    ),
    Hostile("a folder for a file", replace_with_folder, f"{CONFIG}: is a folder"),
    Hostile("a subfolder", lambda f: (f / "code").mkdir(), "'code' is no file of a LoRA adapter"),
    Hostile("a pipe", lambda f: os.mkfifo(f / "LICENSE"), "LICENSE: is a named pipe"),
    Hostile("a socket", make_socket, "LICENSE: is a socket"),
    Hostile("a device", make_device, "LICENSE: is a device"),
    Hostile("a pickle", write_file("adapter_model.bin", b"\x80"), r"'adapter_model\.bin' may be a"),
    Hostile("trainer's pickle", write_file("training_args.BIN", b"\x80"), r"args\.BIN' may be a"),
    Hostile("code", write_file("modeling.py", b"import os"), r"'modeling\.py' is no file"),
    Hostile("a hidden file", write_file(".netrc", b""), r"'\.netrc' is no file"),
    Hostile("a name in no encoding", write_file("\udcff", b""), r"'\\udcff' is no file"),
    Hostile("a name with an escape", write_file("\x1b[2J", b""), r"'\\x1b\[2J' is no file"),
    Hostile("no weights", lambda f: (f / WEIGHTS).unlink(), f"{WEIGHTS}: is missing"),
    Hostile("no config", lambda f: (f / CONFIG).unlink(), f"{CONFIG}: is missing"),
    Hostile("a sparse giant", lambda f: os.truncate(f / WEIGHTS, 1 << 40), "is 1099511627776 byte"),
    Hostile("a long config", write_file(CONFIG, b" " * 70_000), f"{CONFIG}: is 70000 bytes long"),
    Hostile("a long licence", write_file("LICENSE", b" " * 70_000), "LICENSE: is 70000 bytes long"),
    Hostile("a binary licence", write_file("LICENSE", b"\x7fELF\xff"), "LICENSE: is no UTF-8 text"),
    Hostile("a licence with an escape", write_file("LICENSE", b"\x1b[8m"), r"holds '\\x1b'"),
]
HEADER = [
    Hostile("an empty file", write_file(WEIGHTS, b""), "is 0 bytes long, too short"),
    Hostile(
        "a renamed pickle",
        write_file(WEIGHTS, b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00c"),
        r"header: says that it is \d+ bytes long, at most",
    ),
    Hostile("a long header", set_header(b" " * (5 << 20)), "is 5242880 bytes long, at most"),
    Hostile("an early end", write_file(WEIGHTS, b"\xff" + bytes(7)), "255 bytes long, the file en"),
    Hostile("no JSON", set_header(b"{'a': 1}"), "header: is not JSON"),
    Hostile("no UTF-8", set_header(b'{"\xff": 1}'), "header: is not UTF-8 at byte 2"),
    Hostile("no object", set_header(b"[]"), "header: is no JSON object"),
    Hostile("deep nesting", set_header(b"[" * 200_000), "header: is nested too deep"),
    Hostile("no number", set_header(b'{"a": NaN}'), "header: holds NaN"),
    Hostile("a giant number", set_header(b'{"a": ' + b"9" * 5000 + b"}"), "number that is too lo"),
    Hostile("a tensor twice", repeat_tensor, r"header: has the key 'base_model\..*' twice"),
    Hostile("no tensor", set_header(b"{}"), "header: lists 0 tensors"),
    Hostile("many tensors", many_tensors, "header: lists 20000 tensors"),
    Hostile("a list of metadata", set_metadata(["pt"]), "__metadata__: is no JSON object"),
    Hostile("nested metadata", set_metadata({"format": {}}), "__metadata__: 'format' is no text"),
    Hostile("an entry with more", set_entry(code="x"), "has 'code', which no tensor has"),
    Hostile("an entry with less", drop_entry_key, "has no data_offsets"),
    Hostile("an entry that is none", set_header(b'{"a": 1}'), "'a': is no JSON object"),
    Hostile("double precision", set_entry(dtype="F64"), "dtype 'F64' is none of F32, F16, BF16"),
    Hostile("packed integers", set_entry(dtype="I8"), "dtype 'I8' is none of"),
    Hostile("a list for a dtype", set_entry(dtype=["F32"]), r"dtype \['F32'\] is none of"),
    Hostile("a negative shape", set_entry(shape=[-4, -8]), r"shape \[-4, -8\]"),
    Hostile("a shape of truths", set_entry(shape=[True, 32]), r"shape \[True, 32\]"),
    Hostile("fractions in a shape", set_entry(shape=[4.0, 8.0]), r"shape \[4\.0, 8\.0\]"),
    Hostile("an empty shape", set_entry(shape=[0, 8]), r"shape \[0, 8\]"),
    Hostile("many dimensions", set_entry(shape=[1] * 30 + [32]), "up to 8 positive numbers"),
    Hostile("a wrapping shape", set_entry(shape=[1 << 62, 8]), "its shape needs 147573952589676"),
    Hostile("an endless shape", set_entry(shape=[10**4000, 8]), r"shape \[1000.*no list of up"),
    Hostile("an endless place", set_entry(data_offsets=[0, 10**4299]), r"\[0, 1000.*no begin"),
    Hostile("a deep dtype", set_entry(dtype=deep(400)), r"dtype \[\[+\.\.\."),
    Hostile("a short tensor", set_entry(shape=[4, 7]), "has 128 bytes, its shape needs 112"),
    Hostile("a backward tensor", set_entry(data_offsets=[128, 0]), r"\[128, 0\] are no begin"),
    Hostile("three offsets", set_entry(data_offsets=[0, 1, 2]), r"\[0, 1, 2\] are no begin"),
    Hostile("a tensor outside", set_entry(data_offsets=[1 << 60, (1 << 60) + 128]), "after the en"),
    Hostile("an overlap", set_entry(B, data_offsets=[64, 192]), "overlaps .* by 64 bytes"),
    Hostile("shared bytes", share_bytes, "again': overlaps the tensor before it by 128 bytes"),
    Hostile("a gap", leave_gap, "comes after 4 bytes that belong to no tensor"),
    Hostile("something after the end", extend, f"{WEIGHTS}: has 9 bytes after its last tensor"),
    Hostile("a cut file", cut, "after the end of the file"),
]
TENSORS = [
    Hostile("a key that LoRA has not", rename(A, "evil"), "'evil': is no lora_A or lora_B"),
    Hostile("a key with a path", rename(A, f"../{A}"), r"'\.\./base.*: is no lora_A or"),
    Hostile("a key with an escape", rename(A, "\x1b[2J"), r"'\\x1b\[2J': is no lora_A"),
    Hostile("a named adapter", rename(A, A.replace("weight", "default.weight")), "default.weight'"),
    Hostile("a magnitude", add_tensor(f"{LAYER}.lora_magnitude_vector", (8,)), "magnitude_vector'"),
    Hostile("a whole module", add_tensor(f"{LAYER}.mlp.up_proj.weight", (16, 8)), r"proj\.weight'"),
    Hostile("an embedding", add_tensor(f"{LAYER}.lora_embedding_A", (4, 32)), "embedding_A': is"),
    Hostile(
        "an embedding as a linear module",
        add_tensor("base_model.model.model.embed_tokens.lora_A.weight", (4, 32)),
        r"no linear module 'model\.embed_tokens'",
    ),
    Hostile(
        "the head",
        add_tensor("base_model.model.lm_head.lora_A.weight", (4, 8)),
        "no linear module 'lm_head'",
    ),
    Hostile(
        "a norm",
        add_tensor("base_model.model.model.norm.lora_A.weight", (4, 8)),
        r"no linear module 'model\.norm'",
    ),
    Hostile(
        "a third layer",
        rename(A, A.replace("layers.0", "layers.2")),
        r"no linear module 'model\.layers\.2",
    ),
    Hostile("another rank", set_config(r=8), r"has shape \[4, 16\]; rank and base ask for \[8, 1"),
    Hostile("a turned matrix", set_tensors(a=np.ones((8, 4), "<f4")), r"shape \[8, 4\]"),
    Hostile("another base", set_tensors(b=np.ones((9, 4), "<f4")), r"lora_B.*shape \[9, 4\]"),
    Hostile("a vector", set_tensors(a=np.ones(32, "<f4")), r"shape \[32\]; rank"),
    Hostile("half a pair", set_tensors(b=None), "has lora_A without its other half"),
    Hostile("the other half", set_tensors(a=None), "has lora_B without its other half"),
    Hostile("NaN", set_tensors(a=poisoned(np.nan, "<f4")), r"q_proj\.lora_A: value 11 is nan"),
    Hostile("infinity", set_tensors(a=poisoned(np.inf, "<f2")), "value 11 is inf"),
    Hostile("infinity below", set_tensors(a=poisoned(-np.inf, "bf16")), "value 11 is -inf"),
    Hostile(
        "NaN in half of the bits",
        set_tensors(b=poisoned(np.nan, "bf16").reshape(HIDDEN, RANK)),
        r"q_proj\.lora_B: value 11 is nan",
    ),
    Hostile("nothing learnt", nothing_learnt, "changes nothing: every lora_B is zero"),
]
SETTINGS = [
    Hostile("no JSON", write_file(CONFIG, b"{"), f"{CONFIG}:1: is not JSON"),
    Hostile("another encoding", write_file(CONFIG, "{}".encode("utf-16")), f"{CONFIG}: is not UTF"),
    Hostile("no object", write_file(CONFIG, b'"LORA"'), f"{CONFIG}: is no JSON object"),
    Hostile("a key twice", write_file(CONFIG, b'{"r": 4, "r": 8}'), f"{CONFIG}: has the key 'r'"),
    Hostile("Infinity", write_file(CONFIG, b'{"lora_alpha": -Infinity}'), "holds -Infinity"),
    Hostile("deep nesting", write_file(CONFIG, b"[" * 60_000), f"{CONFIG}: is nested too deep"),
    Hostile("remote code", set_config(auto_map={"M": "a--b.C"}), "'auto_map': is no setting"),
    Hostile("trusted code", set_config(trust_remote_code=True), "'trust_remote_code': is no"),
    Hostile("a key with an escape", set_config(**{"\x1b[2J": 1}), r"'\\x1b\[2J': is no setting"),
    Hostile("a library", set_config(auto_mapping={"parent_library": "os"}), "code that is impo"),
    Hostile("whole modules", set_config(modules_to_save=["lm_head"]), "brings whole modules"),
    Hostile("biases", set_config(bias="all"), "bias: 'all' trains biases"),
    Hostile("DoRA", set_config(use_dora=True), "use_dora: True is DoRA"),
    Hostile("a deep value", set_config(velora_config=deep(400)), r"\[\[+\.\.\.\]+ is VeLoRA"),
    Hostile("a bias of its own", set_config(lora_bias=True), "lora_bias: True adds biases"),
    Hostile("turned weights", set_config(fan_in_fan_out=True), "the other way round"),
    Hostile("ranks by pattern", set_config(rank_pattern={"(a+)+$": 9}), "another rank"),
    Hostile("scales by pattern", set_config(alpha_pattern={".*": 1e9}), "another scale"),
    Hostile("layers by number", set_config(layers_to_transform=[0]), "picks layers"),
    Hostile("more layers", set_config(layer_replication=[[0, 2], [1, 2]]), "builds another model"),
    Hostile("new tokens", set_config(trainable_token_indices=[0]), "trains embeddings"),
    Hostile("experts", set_config(target_parameters=["experts"]), "targets parameters"),
    Hostile("a changed base", set_config(init_lora_weights="pissa"), "'pissa' starts from changed"),
    Hostile("another method", set_config(peft_type="IA3"), "peft_type: must be 'LORA'"),
    Hostile("no method", without("peft_type"), "peft_type: Field required"),
    Hostile("another task", set_config(task_type="SEQ_CLS"), "task_type: must be 'CAUSAL"),
    Hostile("no task", without("task_type"), "task_type: Field required"),
    Hostile("no rank", set_config(r=0), "r: must be greater than or equal to 1"),
    Hostile("a giant rank", set_config(r=10**6), "r: must be less than or equal to"),
    Hostile("a true rank", set_config(r=True), "r: must be a valid integer"),
    Hostile("no scale", set_config(lora_alpha=-1), "lora_alpha: must be greater than 0"),
    Hostile(
        "an endless scale",
        lambda f: (f / CONFIG).write_text(
            json.dumps(sound_config()).replace('"lora_alpha": 8', '"lora_alpha": 1e999')
        ),
        "lora_alpha: must be (a finite|less than)",
    ),
    Hostile("a giant scale", set_config(lora_alpha=10**400), "lora_alpha: must be "),
    Hostile("all dropped", set_config(lora_dropout=1), "lora_dropout: must be less than 1"),
    Hostile("a number for a base", set_config(base_model_name_or_path=7), "or_path: must be"),
    Hostile("no targets", without("target_modules"), "target_modules: is missing"),
    Hostile("an empty list", set_config(target_modules=[]), "at least 1 item"),
    Hostile("a pattern", set_config(target_modules="(.*)*_proj"), r"\*_proj' is a pattern"),
    Hostile("a pattern in the list", set_config(target_modules=[".*"]), r"modules\.0: String"),
    Hostile("no such target", set_config(target_modules=["c_attn"]), "no linear module 'c_attn'"),
    Hostile("the head", set_config(target_modules=["lm_head"]), "modules: the base.*'lm_head"),
    Hostile("half the targets", set_config(target_modules=["q_proj"]), "leaves out .*, which has"),
    Hostile(
        "targets without weights",
        lambda f: save(f / WEIGHTS, {n: v for n, v in sound_tensors().items() if Q not in n}),
        f"names {Q}, which has no weights",
    ),
]
KINDS = {"files": FILES, "header": HEADER, "tensors": TENSORS, "settings": SETTINGS}

# Only root can make a device.
ALL = [
    hostile._replace(name=f"{kind}: {hostile.name}")
    for kind, cases in KINDS.items()
    for hostile in cases
    if hostile.spoil is not make_device or os.geteuid() == 0
]
