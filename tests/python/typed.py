"""dbt commands as somebody types them, run in this process."""

import json
import os
import shlex

import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from warehouse import PROJECT_ROOT


class Refused(AssertionError):
    """dbt ended with an error; the text is all that it said."""


def invoke(command, target, variables, manifests):
    """Run a dbt command in this process, in the folder and environment that it has.

    Args:
        command: command and options, without target and variables.
        target: name of dbt's target.
        variables: project variables.
        manifests: dict of what was parsed before, by variables; added to.

    Returns:
        dbt's result, and all that it said as one text.

    Raises:
        Refused: it ended with an error; the text is all that it said.
    """
    given = json.dumps(variables)
    options = ["--target", target, "--vars", given]
    quiet = ["--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    if given not in manifests:
        manifests[given] = dbtRunner().invoke([*quiet, "parse", *options]).result
    said = []
    runner = dbtRunner(
        manifest=manifests[given],
        callbacks=[lambda event: event.info.level != "debug" and said.append(event.info.msg)],
    )
    outcome = runner.invoke([*quiet, *command, *options])
    if target == "duckdb":
        # After an error dbt keeps the file open until its process ends.
        DuckDBConnectionManager.env().close()
    text = " ".join(" ".join(said).split())
    if not outcome.success:
        raise Refused(f"dbt {shlex.join(command)}: {text} {outcome.exception or ''}")
    return outcome.result, text


class Typed:
    """Runs command lines on a warehouse, with manifests kept.

    Args:
        warehouse: Warehouse with raw tables.
        monkeypatch: pytest's, to set the environment that the profile reads.
        project: folder of the dbt project.
    """

    def __init__(self, warehouse, monkeypatch, project=PROJECT_ROOT):
        self._warehouse = warehouse
        self._manifests = {}
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            monkeypatch.delenv(name)
        for name, value in warehouse.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(project)

    def __call__(self, line, **variables):
        """Run a line, as "dbt run --select staging"; returns all that dbt said.

        Args:
            line: the line; --target is added.
            variables: project variables that the line does not set; demo_data is false and
                raw_schema the warehouse's unless given.

        Raises:
            Refused: it ended with an error.
        """
        dbt, *command = shlex.split(line)
        assert dbt == "dbt", line
        given = {"demo_data": False, "raw_schema": self._warehouse.raw_schema} | variables
        if "--vars" in command:
            at = command.index("--vars")
            given |= yaml.safe_load(command.pop(at + 1))
            command.pop(at)
        _, text = invoke(command, self._warehouse.engine, given, self._manifests)
        return text
