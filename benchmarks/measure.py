"""What a command cost: seconds in the database, seconds as a process, memory."""

import json
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks import PROJECT_ROOT
from benchmarks.place import BenchmarkError

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Attributes:
        wall_seconds: of the whole process, from start to end.
        memory_bytes: most that the process and those below it had at once (resident set).
        server_memory_bytes: most that our own PostgreSQL server had at once (the private pages of its
            processes, and the shared ones of the process with most of them); None without one.
        database_seconds: time in which at least one node was compiling, when its macros query, or
            executing; None if it is not dbt.
        marts_seconds: the same for the nodes of models/marts alone.
        node_seconds: sum of all nodes' execution_time.
    """

    wall_seconds: float
    memory_bytes: int
    server_memory_bytes: int | None = None
    database_seconds: float | None = None
    marts_seconds: float | None = None
    node_seconds: float | None = None

    def as_dict(self):
        """Without what is None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class MemoryWatch:
    """Looks again and again at the memory of a process and all below it.

    It reads counters that the system keeps. A proportional set would be more exact, but to count
    it the system walks through all pages of each process and holds it up: 0.1 s for each look at a
    server with 2 GB of buffers.

    Args:
        process_id: of the topmost process; None: there is nothing to watch.
        shared: count pages that several of the processes share once. Linux only, elsewhere they
            count in each.
    """

    def __init__(self, process_id, shared=False):
        self.peak = 0
        self._shared = shared
        self._ended = threading.Event()
        self._process = None if process_id is None else psutil.Process(process_id)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        if self._process is not None:
            self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        if self._process is not None:
            self._thread.join()

    def _watch(self):
        while not self._ended.wait(SAMPLE_SECONDS):
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.Error:
                return
            self.peak = max(self.peak, self._memory(family))

    def _memory(self, family):
        private, shared = 0, [0]
        for process in family:
            try:
                memory = process.memory_info()
            except psutil.Error:  # it has just ended
                continue
            common = getattr(memory, "shared", 0) if self._shared else 0
            private += memory.rss - common
            shared.append(common)
        return private + max(shared)


def measure(command, environment, folder=PROJECT_ROOT, server=None):
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: all of its environment variables.
        folder: where it runs.
        server: PostgresServer whose memory is watched, too.

    Returns:
        Cost, and what the command printed.

    Raises:
        BenchmarkError: it failed; with the end of what it printed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment | {"NO_COLOR": "1", "DBT_USE_COLORS": "false"},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        server_id = server.process_id if server else None
        with MemoryWatch(process.pid) as own, MemoryWatch(server_id, shared=True) as servers:
            output, _ = process.communicate()
        seconds = time.monotonic() - started
    except BaseException:
        end_process(process)
        raise
    if process.returncode != 0:
        shown = " ".join(map(str, command))
        end = "\n".join(output.splitlines()[-40:])
        raise BenchmarkError(f"exit code {process.returncode} of: {shown}\n{end}")
    return Cost(seconds, own.peak, servers.peak or None), output


def end_process(process):
    """End a command that is not to go on. Ctrl-C has reached it as well; another signal has not."""
    for wait_seconds, send in ((1, process.terminate), (10, process.kill)):
        try:
            process.wait(wait_seconds)
            return
        except subprocess.TimeoutExpired:
            send()
    process.wait()


def measure_dbt(place, warehouse, *arguments, variables=None, command=None, folder=PROJECT_ROOT):
    """Run dbt in a warehouse.

    Args:
        place: Place of the warehouse.
        warehouse: Warehouse.
        arguments: command and options of dbt.
        variables: project variables; None: read the raw tables of the warehouse.
        command: the whole command line instead of that of the warehouse.
        folder: of the dbt project.

    Returns:
        Cost, with everything; dbt commands without results leave the seconds of nodes at None.

    Raises:
        BenchmarkError: dbt failed.
    """
    place.settle()
    if variables is None:
        variables = {"demo_data": False}
    target = Path(warehouse.environment["DBT_TARGET_PATH"])
    results = target / "run_results.json"
    results.unlink(missing_ok=True)
    command = command or warehouse.dbt_command(*arguments, vars=variables)
    cost, _ = measure(command, warehouse.child_environment(), folder, place.server)
    if not results.exists():
        return cost
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    found = json.loads(results.read_text(encoding="utf-8"))["results"]
    marts = [result for result in found if is_mart(nodes.get(result["unique_id"]))]
    return Cost(
        cost.wall_seconds,
        cost.memory_bytes,
        cost.server_memory_bytes,
        database_seconds=covered_seconds(intervals(found)),
        marts_seconds=covered_seconds(intervals(marts)),
        node_seconds=sum(result["execution_time"] for result in found),
    )


def is_mart(node):
    """Whether a node of dbt's manifest is a model of models/marts."""
    return bool(node) and node["resource_type"] == "model" and "marts" in node["fqn"][1:-1]


def intervals(results):
    """Begin and end of the phases, `compile` and `execute`, of dbt's results, as seconds.

    Args:
        results: the list in run_results.json.
    """
    found = []
    for result in results:
        for timing in result["timing"]:
            ends = (timing["started_at"], timing["completed_at"])
            found.append(tuple(datetime.fromisoformat(at).timestamp() for at in ends))
    return found


def covered_seconds(found):
    """How long at least one of the intervals lasted.

    Args:
        found: pairs of begin and end, in seconds, in any order.
    """
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(found):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
