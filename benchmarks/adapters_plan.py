"""A plan for 1,000 adapters on one base at 10 million requests a day: simulated, not measured.

    python -m benchmarks.adapters_plan [--requests 10000000] [--adapters 1000] [--wait 0.5]
                                      [--slots 128]

Replicas are vLLM with several adapters on one base, a GPU each. Requests come at random, more by
day; adapters are asked as Zipf has it. An adapter lives on as many replicas as its load needs, and
a request waits for a free sequence, and for its adapter, which is on the GPU, in the machine's
memory, or to be loaded. For each hour the fewest replicas are looked for whose 95th percentile of
waiting is short enough, in 5 simulated minutes. Every number below says where it is from.
"""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import arguments
from training.cost.machines import GB, GPUS

# --- what is assumed ------------------------------------------------------------------------------

GPU = next(gpu for gpu in GPUS if gpu.name == "A100-80")  # its numbers and price
WEIGHTS = 8.03e9  # Llama 3.1 8B, by its model card, in bfloat16
KV_BYTES = 2 * 32 * 8 * 128 * 2  # a token: keys and values, layers, heads, size, bytes: config.json
RANK = 16
# In and out of the seven matrices of a layer, by its config.json; LoRA has rank times their sum.
LORA_BYTES = 2 * 32 * RANK * (8192 + 5120 + 5120 + 8192 + 3 * 18432)
LORA_REACHES = 0.8  # of the base's speed with adapters on it: assumed
SEQUENCES = 128  # at a time on a replica: assumed; vLLM's max_num_seqs
SLOTS = 128  # adapters in one batch: assumed; vLLM's max_loras
CACHED = 400  # adapters in a machine's memory: assumed; vLLM's max_cpu_loras
PCI = 32 * GB * 0.6  # bytes a second of PCI Express 4.0 x16, and the reach that training/cost has
DISK_SECONDS = 0.2 + LORA_BYTES / GB  # to open an adapter and read it at 1 GB/s: assumed
PROMPT, ANSWER, SPREAD = 300, 100, 0.7  # mean tokens; the logarithm's deviation: assumed
PEAK = 0.8  # so much more than the mean comes at the busiest hour, less at the quietest: assumed
ZIPF = 1.0  # exponent of the adapters' popularity: assumed
FULL = 0.5  # of a replica, by one adapter at most: assumed
MINUTES = 5  # of each hour that are simulated

NIGHT_ROW = 39e-6  # processor-seconds to read a row: benchmarks/scale.py, drift
NIGHT_PROMPT = 8.6e-3  # to embed a question: benchmarks/scale.py, embedding
NIGHT_TESTS = 10.0  # for the tests of a night: assumed
SAMPLE = 10_000  # prompts at most: USERS_A_NIGHT of monitoring.night_context
RETRAINS = 1  # of a family a month: assumed; four at most: monitoring.trigger.retrains_per_month
TRAINED = 1_200 * (PROMPT + ANSWER) * 3  # tokens: rows of the brief's case, three epochs
BATCH = 8 * (PROMPT + ANSWER)  # tokens of a step: assumed
EXAMINED = 2 * 400  # answers to dev and sealed items, of champion and challenger: assumed
CPU_PRICE = 0.05  # US dollars an hour: assumed

# --- what follows ---------------------------------------------------------------------------------

SPEED = GPU.speed("bfloat16")
assert SPEED is not None and GPU.price is not None
KV = KV_BYTES * (PROMPT + ANSWER / 2)  # bytes of a sequence, half answered
# Seconds, all of them: a weight is two bytes, and the cache is read as fast.
STEP = (WEIGHTS + SEQUENCES * KV / 2) * SPEED.weight / LORA_REACHES
READ = 2 * WEIGHTS * SPEED.operation / LORA_REACHES  # seconds of a prompt's token
REQUEST = PROMPT * READ + ANSWER * STEP / SEQUENCES  # seconds of a GPU that is full, on average
Floats = NDArray[np.float64]


@dataclass
class Replica:
    """A GPU whose sequences are served in the order in which they come."""

    slots: int
    on_gpu: OrderedDict[int, None] = field(default_factory=OrderedDict)
    cached: OrderedDict[int, None] = field(default_factory=OrderedDict)
    running: list[tuple[float, int]] = field(default_factory=list)  # when it ends, its adapter
    using: Counter[int] = field(default_factory=Counter)  # sequences of each adapter
    last: float = 0.0  # when the request before began

    def serve(self, arrival: float, adapter: int, seconds: float) -> float:
        """Seconds that a request waits until it begins; then it takes so many."""
        begin = max(arrival, self.last)
        self.end_until(begin)
        while len(self.running) >= SEQUENCES or not self.has_room(adapter):
            begin = self.running[0][0]
            self.end_until(begin)
        self.last = begin
        begin += self.fetch(adapter)
        heapq.heappush(self.running, (begin + seconds, adapter))
        self.using[adapter] += 1
        return begin - arrival

    def end_until(self, time: float) -> None:
        while self.running and self.running[0][0] <= time:
            _, adapter = heapq.heappop(self.running)
            self.using[adapter] -= 1
            if not self.using[adapter]:
                del self.using[adapter]

    def has_room(self, adapter: int) -> bool:
        return adapter in self.using or len(self.using) < self.slots

    def fetch(self, adapter: int) -> float:
        """Seconds until the adapter is on the GPU."""
        there, known = adapter in self.on_gpu, adapter in self.cached
        touch(self.on_gpu, adapter, self.slots, self.using)
        touch(self.cached, adapter, CACHED, ())
        if there:
            return 0.0
        return LORA_BYTES / PCI + (0.0 if known else DISK_SECONDS)


def touch(kept: OrderedDict[int, None], one: int, most: int, using: Collection[int]) -> None:
    """Note a use; the one that was longest without any, and is in none now, leaves."""
    kept[one] = None
    kept.move_to_end(one)
    if len(kept) > most:
        kept.pop(next(other for other in kept if other != one and other not in using))


def placed(shares: Floats, replicas: int) -> list[list[int]]:
    """The replicas of each adapter: the busiest first, where least is asked yet."""
    load = np.zeros(replicas)
    homes: list[list[int]] = []
    for share in shares:
        copies = min(replicas, ceil(share * replicas / FULL))
        own = np.argsort(load, kind="stable")[:copies].tolist()
        load[own] += share / copies
        homes.append(own)
    return homes


def waits(
    rate: float, shares: Floats, replicas: int, slots: int, rng: np.random.Generator
) -> Floats:
    """Seconds that each request of some minutes waits, at so many requests a second."""
    count = int(rng.poisson(rate * 60 * MINUTES))
    arrivals = np.sort(rng.uniform(0, 60 * MINUTES, count))
    adapters = rng.choice(len(shares), count, p=shares)
    seconds = SEQUENCES * gpu_seconds(tokens(PROMPT, count, rng), tokens(ANSWER, count, rng))
    homes, fleet = placed(shares, replicas), warm_fleet(shares, replicas, slots)
    drawn = rng.integers(0, 1 << 30, count)
    found = np.empty(count)
    for i, adapter in enumerate(adapters.tolist()):
        own = homes[adapter]
        replica = fleet[own[drawn[i] % len(own)]]
        found[i] = replica.serve(float(arrivals[i]), adapter, float(seconds[i]))
    return found


def warm_fleet(shares: Floats, replicas: int, slots: int) -> list[Replica]:
    """Replicas that hold what they are asked most: the day has begun long ago."""
    fleet = [Replica(slots) for _ in range(replicas)]
    for adapter, own in reversed(list(enumerate(placed(shares, replicas)))):  # the rarest first
        for place in own:
            touch(fleet[place].cached, adapter, CACHED, ())
            touch(fleet[place].on_gpu, adapter, slots, ())
    return fleet


def tokens(mean: float, count: int, rng: np.random.Generator) -> Floats:
    return rng.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD, count)


def gpu_seconds(prompt: Floats, answer: Floats) -> Floats:
    """Of requests, on a replica whose sequences are all in use."""
    return prompt * READ + answer * STEP / SEQUENCES


def hourly(requests: int) -> Floats:
    """Requests a second, by hour of day."""
    found: Floats = requests / 86_400 * (1 + PEAK * np.sin((np.arange(24) - 8) * np.pi / 12))
    return found


def popularity(adapters: int) -> Floats:
    weights = np.arange(1, adapters + 1, dtype=float) ** -ZIPF
    shares: Floats = weights / weights.sum()
    return shares


def fewest(rate: float, shares: Floats, slots: int, wait: float, hour: int) -> tuple[int, Floats]:
    """Replicas that keep 95 of 100 waits short enough, and the waits."""
    replicas = max(1, ceil(rate * REQUEST))
    while True:
        found = waits(rate, shares, replicas, slots, np.random.default_rng(hour))
        if np.quantile(found, 0.95) <= wait:
            return replicas, found
        replicas += max(1, replicas // 20)


# --- nights and retrains --------------------------------------------------------------------------


def night_hours(requests: int, shares: Floats) -> float:
    """Processor-hours of one night's checks of all families."""
    prompts = float(np.minimum(requests * shares, SAMPLE).sum())
    return (requests * NIGHT_ROW + prompts * NIGHT_PROMPT + len(shares) * NIGHT_TESTS) / 3600


def retrain_hours() -> float:
    """GPU-hours of one: three passes over each token, and NF4 turned back at each pass."""
    assert SPEED is not None
    products = 3 * 2 * WEIGHTS * TRAINED * SPEED.operation
    unpacked = 3 * WEIGHTS * SPEED.unpacking * TRAINED / BATCH
    return (products + unpacked + EXAMINED * REQUEST) / 3600


def main() -> None:
    given = arguments(__doc__, requests=10_000_000, adapters=1000, wait=0.5, slots=SLOTS)
    shares, rates = popularity(given.adapters), hourly(given.requests)
    print("| hour | requests a second | replicas | median wait | 95 % | 99 % |")
    print("| --- | --- | --- | --- | --- | --- |")
    replicas = []
    for hour, rate in enumerate(rates.tolist()):
        count, found = fewest(rate, shares, given.slots, given.wait, hour)
        replicas.append(count)
        said = (f"{1000 * np.quantile(found, q):.0f} ms" for q in (0.5, 0.95, 0.99))
        print(f"| {hour} | {rate:.0f} | {count} | {' | '.join(said)} |", flush=True)
    say_plan(given.requests, given.slots, shares, replicas)


def say_plan(requests: int, slots: int, shares: Floats, replicas: Sequence[int]) -> None:
    assert GPU.price is not None
    served, nights = sum(replicas), night_hours(requests, shares)
    retrains = RETRAINS / 30 * len(shares) * retrain_hours()
    memory = (2 * WEIGHTS + slots * LORA_BYTES + SEQUENCES * KV) / GB
    always, scaled = 24 * max(replicas) * GPU.price, served * GPU.price
    print(f"\nreplicas: {max(replicas)} at the busiest hour, {served / 24:.1f} on average")
    print(
        f"memory of each: {memory:.1f} of {GPU.gigabytes} GB; an adapter {LORA_BYTES / 1e6:.0f} MB"
    )
    print(f"a request: {1000 * REQUEST:.0f} ms of a GPU")
    print(f"serving: ${always:,.0f} a day, ${scaled:,.0f} where replicas follow the hours")
    print(f"nights: {nights:.1f} processor-hours a night, ${nights * CPU_PRICE:.2f}")
    print(f"retrains: {retrains:.1f} GPU-hours a day, ${retrains * GPU.price:,.0f}")


if __name__ == "__main__":
    main()
