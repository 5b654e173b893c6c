"""The one thread that computes: it owns the model, and takes orders between two steps."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from evaluation.generation.backends.backend import UNREACHABLE, BackendError
from project.errors import InputError
from serving.embedded.adapters_on_base import AdapterFiles
from serving.embedded.draft import AnswerDraft
from serving.embedded.engine_request import backend_error
from serving.embedded.running_batch import RunningBatch

log = logging.getLogger(__name__)

FAILED = "the engine failed while it computed the answer: its log says why"
STOPPED = "the engine has stopped: start the gateway anew"


@dataclass(frozen=True)
class Order:
    """What is to be done between two steps, and who hears that it will never be done."""

    act: Callable[[], None]
    fail: Callable[[BackendError], None]


class EngineThread:
    """Its methods may be called by any thread."""

    def __init__(self, batch: RunningBatch, slots: int) -> None:
        self.batch = batch
        self.model = batch.model
        self.slots = slots
        self.loaded: frozenset[str] = frozenset()  # adapters that may be asked
        self.leaving: set[str] = set()  # unloaded, but for answers that still run on them
        self.orders: SimpleQueue[Order] = SimpleQueue()
        self.stopping = False
        self.stopped: BackendError | None = None
        self.lock = Lock()  # so that no order comes in behind the last look at them
        # A daemon: a process that forgot to close it can end.
        self.thread = Thread(target=self.run, name="embedded-engine", daemon=True)
        self.thread.start()

    def order(self, act: Callable[[], None], fail: Callable[[BackendError], None]) -> None:
        """Raises BackendError UNREACHABLE where the thread has stopped."""
        with self.lock:
            self.refuse_stopped()
            self.orders.put(Order(act, fail))

    def refuse_stopped(self) -> None:
        if self.stopped:
            raise backend_error(UNREACHABLE, STOPPED)

    def answer(self, draft: AnswerDraft) -> None:
        self.order(lambda: self.take(draft), draft.hear)

    def load(self, name: str, files: AdapterFiles) -> Future[None]:
        return self.promise(lambda: self.insert(name, files))

    def unload(self, name: str) -> Future[None]:
        return self.promise(lambda: self.let_go(name))

    def close(self) -> None:
        """Stop after this step, and wait for it; answers that run end with an error."""
        with suppress(BackendError):  # it has stopped by itself
            self.order(self.stop, lambda _: None)
        self.thread.join()

    def promise(self, act: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()

        def fail(error: BackendError) -> None:
            with suppress(InvalidStateError):  # nobody waits for it any more
                future.set_exception(error)

        self.order(lambda: fulfil(future, act), fail)
        return future

    # --- what follows is done by the thread itself --------------------------------------------

    def run(self) -> None:
        failure = backend_error(500, FAILED)
        try:
            while not self.stopping:
                self.take_orders()
                self.batch.step()
                if self.leaving:
                    used = {draft.adapter for draft in self.batch.unfinished}
                    for name in self.leaving - used:
                        self.model.remove(name)
                        self.batch.prefixes.forget(name)
                        self.leaving.discard(name)
            failure = backend_error(UNREACHABLE, STOPPED)
        except Exception:
            log.exception("the embedded engine failed")
        finally:
            self.end(failure)

    def take_orders(self) -> None:
        """All that are there; without an answer to compute, wait for one."""
        order = None if self.batch.unfinished else self.orders.get()
        while True:
            if order is not None:
                order.act()
            try:
                order = self.orders.get_nowait()
            except Empty:
                return

    def take(self, draft: AnswerDraft) -> None:
        if draft.adapter is None or draft.adapter in self.loaded:
            self.batch.waiting.append(draft)
        else:
            draft.hear(not_found(draft.adapter))

    def insert(self, name: str, files: AdapterFiles) -> None:
        if name in self.loaded:
            return
        if len(self.loaded) >= self.slots:
            problem = f"all slots for adapters are taken (serving.slots: {self.slots})"
            raise backend_error(409, f"{problem}: unload one of them", code="no_slot")
        if name not in self.leaving:  # else it is still there
            self.model.insert(name, files)
        self.leaving.discard(name)
        self.loaded |= {name}

    def let_go(self, name: str) -> None:
        if name in self.loaded:
            self.loaded -= {name}
            self.leaving.add(name)

    def stop(self) -> None:
        self.stopping = True

    def end(self, failure: BackendError) -> None:
        """Nobody waits for ever: whoever waits hears that the thread has stopped."""
        with self.lock:
            self.stopped = failure
        for draft in self.batch.unfinished:
            draft.hear(failure)
        while not self.orders.empty():
            self.orders.get_nowait().fail(failure)


def fulfil(future: Future[None], act: Callable[[], None]) -> None:
    """Do what was promised, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        act()
    except (BackendError, InputError) as error:
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(error)
        raise
    else:
        future.set_result(None)


def not_found(name: str) -> BackendError:
    problem = f"the model `{name}` does not exist"
    return backend_error(404, problem, param="model", code="model_not_found")
