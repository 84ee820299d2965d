"""dbt in a process of its own, forked from one that has imported dbt already: importing takes a third
of a short run, and the tests run dbt more than a thousand times."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb", "dbt.adapters.postgres"])


def run_dbt(command, folder, environment):
    """Run dbt to its end, as its command does.

    Args:
        command: path of dbt, and what follows it; a dbt of another Python environment than this one is
            run as it is.
        folder: where it runs.
        environment: all of its environment variables.

    Returns:
        subprocess.CompletedProcess with stdout and stderr as text; the exit code is negative if a
        signal ended it.
    """
    dbt, *arguments = command
    if Path(dbt).parent != Path(sys.executable).parent:
        return subprocess.run(
            command, cwd=folder, env=environment, text=True, capture_output=True
        )
    with tempfile.TemporaryDirectory() as outputs:
        stdout, stderr = Path(outputs, "stdout"), Path(outputs, "stderr")
        process = _processes.Process(
            target=_dbt, args=(arguments, folder, environment, stdout, stderr)
        )
        process.start()
        process.join()
        texts = [path.read_text(encoding="utf-8") for path in (stdout, stderr)]
    return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _dbt(arguments, folder, environment, stdout, stderr):
    for path, number in ((stdout, 1), (stderr, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dbt", *arguments]

    from dbt.cli.main import cli

    cli()
