"""The engine that runs its work on Ray: on the cores of this machine, or on the machines of a cluster.

    ovt curate build charts.toml --engine ray                        # on the cores of this machine
    ovt curate build charts.toml --engine ray --ray-address auto     # on the cluster that this machine belongs to

Chunks travel as Arrow, and so do results. The store, the budget, limits and keys stay here: a task is given tables and
settings, and a Ray started here gets an environment with only what is named below. If a task's worker dies, another
one does the task again.
"""

import importlib.util
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from ovt import __version__
from ovt.core.engine import Engine
from ovt.core.errors import OvtError, RecipeError
from ovt.verifiers import VERSION as VERIFIER_VERSION

C = TypeVar("C")
R = TypeVar("R")

ENGINES = ("local", "ray")
TRIES = 4  # of a chunk whose workers die
STARTS = 3  # tries to start Ray here: it gives up after 30 s, and a busy machine may need longer
STORE_BYTES = 512 << 20  # of the object store of a Ray started here
# What a Ray started here may know of this process's environment: where programs are, and nothing secret.
PASSED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV",
          "CUDA_VISIBLE_DEVICES")  # fmt: skip
WORKER = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a task has one core


def open_engine(name: str, address: str | None = None) -> AbstractContextManager[Engine | None]:
    """The engine of a name, for the duration of a block; None for "local". RecipeError for any other name."""
    if name == "ray":
        return OnRay(address)
    if name != "local":
        raise RecipeError(f"--engine is {name[:40]!a}", f"choose {' or '.join(ENGINES)}")
    if address is not None:
        raise RecipeError("--ray-address is for --engine ray", "add it, or leave the address out")
    return nullcontext()


class OnRay:
    """Ray, started with the first chunk; closed with `with`."""

    together = 32

    def __init__(self, address: str | None = None, cores: int | None = None) -> None:
        """address: of a cluster ("auto", "10.0.0.1:6379", "ray://…"); None starts Ray on this machine, with as many
        `cores`. OvtError if it is not installed."""
        if importlib.util.find_spec("ray") is None:
            raise OvtError("--engine ray needs Ray, which is not installed", "pip install 'ovt[ray]'")
        self._address = address
        self._cores = cores
        self._work: Any = None

    def __enter__(self) -> "OnRay":
        return self

    def __exit__(self, *error: object) -> None:
        if self._work is not None:
            ray = ray_module()
            ray.shutdown()
            self._work = None

    @property
    def ahead(self) -> int:
        """Two chunks for each core; a cluster may grow meanwhile."""
        ray = ray_module()
        return 2 * int(ray.cluster_resources().get("CPU", 1)) if self._work is not None else 1

    def submit(self, function: Callable[[C], R], chunk: C) -> Callable[[], R]:
        ray = ray_module()
        self.start()
        reference = self._work.remote(function, chunk)

        def result() -> R:
            try:
                return ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                said = str(error).strip().splitlines() or [type(error).__name__]
                raise OvtError(
                    f"Ray gave up on a chunk after {TRIES} tries: {said[0][:300]}",
                    "give its workers more memory, or look at Ray's logs",
                ) from error

        return result

    @property
    def is_elsewhere(self) -> bool:
        """Whether work may be done on other machines."""
        return self._address is not None

    def start(self) -> None:
        """Starts Ray, or connects to it, unless that is done."""
        if self._work is not None:
            return
        ray = ray_module()
        self._connect(STARTS if self._address is None else 1)
        self._work = ray.remote(num_cpus=1, max_retries=TRIES - 1)(work)
        check_versions(ray.get(ray.remote(num_cpus=0)(versions).remote()))

    def _connect(self, tries: int) -> None:
        ray = ray_module()
        options: dict[str, Any] = {"address": self._address}
        if self._address is None:
            options = {"num_cpus": self._cores, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        try:
            with passed_alone() if self._address is None else nullcontext():
                ray.init(**options, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": WORKER})
        except Exception as error:  # Ray raises this very class for a node that is slow to start
            ray.shutdown()
            if tries > 1:
                return self._connect(tries - 1)
            where = f"be reached at {self._address}" if self._address else "be started on this machine"
            raise OvtError(
                f"Ray cannot {where}: {str(error)[:300]}", "look at its logs, or leave --engine out"
            ) from error


def ray_module() -> Any:
    """Ray, imported only where it is used."""
    import ray  # ty: ignore[import-not-found] (optional)

    return ray


def work(function: Callable[[C], R], chunk: C) -> R:
    """One task: it has one core, and so one process that gives verdicts."""
    from ovt.verifiers.process import pool

    pool.MAX_WORKERS = 1
    return function(chunk)


def versions() -> tuple[str, str]:
    """What runs in a worker."""
    return __version__, VERIFIER_VERSION


def check_versions(theirs: tuple[str, str]) -> None:
    """OvtError unless the workers have the same ovt: another may decide differently."""
    if theirs != versions():
        raise OvtError(
            f"Ray's workers have ovt {theirs[0]} (verifier {theirs[1]}), this process has {__version__} "
            f"(verifier {VERIFIER_VERSION})",
            "install the same versions on all machines",
        )


@contextmanager
def passed_alone() -> Generator[None]:
    """The environment with only PASSED, for programs that are started in the block and outlive it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: before[name] for name in PASSED if name in before}, RAY_USAGE_STATS_ENABLED="0")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
