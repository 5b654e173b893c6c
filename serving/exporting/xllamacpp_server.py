"""llama.cpp's server out of the package xllamacpp, with the options of `llama-server` that we use.

The package brings the server as a library, ready built: no compiler is needed.
"""

import os
import signal
from argparse import ArgumentParser
from importlib import import_module
from typing import Any


def main() -> None:
    parser = ArgumentParser(prog="llama-server")
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", default="model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--ctx-size", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--jinja", action="store_true")
    parser.add_argument("--predict", type=int, default=-1)
    parser.add_argument("--temp", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--min-p", type=float, default=0.05)
    asked = parser.parse_args()
    xllamacpp: Any = import_module("xllamacpp")  # compiled, without types
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = asked.model, {asked.alias}
    params.hostnames, params.port = [asked.host], asked.port
    params.n_ctx, params.n_parallel = asked.ctx_size, asked.parallel
    params.use_jinja, params.n_predict = asked.jinja, asked.predict
    params.sampling.temp, params.sampling.top_k = asked.temp, asked.top_k
    params.sampling.top_p, params.sampling.min_p = asked.top_p, asked.min_p
    if threads := os.environ.get("LLAMA_ARG_THREADS"):  # as llama-server reads it
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    ended = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)  # before its threads begin
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(ended)


if __name__ == "__main__":
    main()
