"""Start Airflow on this machine, to look at and try: Ctrl-C ends it.

    orchestration/airflow/.venv/bin/python orchestration/airflow/start.py [--port 8080]

Metadata database (PostgreSQL), scheduler, dag-processor and api-server, all on this machine's own
address 127.0.0.1 and nowhere else; nothing is reported to anybody. All that Airflow keeps is in
orchestration/airflow/home (AIRFLOW_HOME, if set). For production see Airflow's own guide.

The first start makes deliveries of demo data there, unless ELT_SUMMARY_SOURCE says where yours are.
"""

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path.append(str(PROJECT / "tests/python"))

import make_deliveries  # noqa: E402
from postgres_server import PostgresServer, PostgresServerError  # noqa: E402

HOST = "127.0.0.1"
COMPONENTS = {
    # The log server of the scheduler would listen on all addresses; the api-server reads the files.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
}
START_SECONDS = 600
STOP_SECONDS = 30


def environment(home, port):
    """Settings of Airflow for this machine, over those of our own environment.

    Args:
        home: AIRFLOW_HOME.
        port: of the api-server.
    """
    address = f"http://{HOST}:{port}"
    settings = {
        "core__dags_folder": str(HERE / "dags"),
        "core__load_examples": "False",
        "core__executor": "LocalExecutor",
        "core__parallelism": "4",
        "core__execution_api_server_url": f"{address}/execution/",
        "core__default_timezone": "utc",
        # For commands alone. SQLite refuses what two components write at once.
        "database__sql_alchemy_conn": f"sqlite:///{Path(home).resolve()}/airflow.db",
        "api__host": HOST,
        "api__port": str(port),
        "api__base_url": address,
        "api__workers": "1",
        # A busy machine answers late; the default of 5 s costs a task a try.
        "workers__execution_api_timeout": "60",
        "usage_data_collection__enabled": "False",
        "cosmos__enable_telemetry": "False",
        "scheduler__enable_health_check": "False",
        "dag_processor__refresh_interval": "30",
    }
    path = os.pathsep.join([str(HERE / ".venv/bin"), os.environ.get("PATH", os.defpath)])
    return (
        {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
        | {f"AIRFLOW__{name.upper()}": value for name, value in settings.items()}
        | {
            "AIRFLOW_HOME": str(home),
            "PATH": path,
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
    )


class StartError(Exception):
    """Why Airflow did not start, in words for the person who started it."""


class Airflow:
    """The components of Airflow, as processes of their own.

    Args:
        home: AIRFLOW_HOME; made if it is not there.
        port: of the api-server.
        settings: more environment variables, which win.
        keep: keep the metadata database in AIRFLOW_HOME for the next start.
    """

    def __init__(self, home, port, settings=None, keep=False):
        self.home = Path(home)
        self.port = port
        self.environment = environment(self.home, port) | (settings or {})
        self.processes = {}
        self._keep = keep
        self._database = None

    def __enter__(self):
        try:
            self.start_database()
            self.prepare()
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def airflow(self, *arguments):
        """Run one command of Airflow; returns its output.

        Raises:
            StartError: it failed.
        """
        result = subprocess.run(
            [HERE / ".venv/bin/airflow", *arguments],
            env=self.environment,
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if result.returncode != 0:
            raise StartError(f"airflow {' '.join(arguments)} failed:\n{result.stdout}")
        return result.stdout

    def start_database(self):
        """Start a PostgreSQL server for the metadata."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._database = PostgresServer(self.home / "database" if self._keep else None).start()
        at = {
            name.removeprefix("DBT_").removeprefix("ENV_SECRET_").removeprefix("POSTGRES_"): value
            for name, value in self._database.environment.items()
        }
        self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = (
            f"postgresql+psycopg2://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}"
            f"/{at['DATABASE']}"
        )

    def prepare(self):
        """Make the metadata database and the pool: one slot, so that one task has the warehouse."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.airflow("db", "migrate")
        pool = self.environment.get("ELT_SUMMARY_POOL") or "elt_summary"
        self.airflow("pools", "set", pool, "1", "elt_summary: one task at a time")

    def start(self):
        """Start the components and wait until they answer.

        Raises:
            StartError: one of them ended, or did not answer in time; where its log is.
        """
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self.port)) == 0:
                raise StartError(f"port {self.port} is taken; choose another one: --port 8081")
        for name, arguments in COMPONENTS.items():
            with self.log(name).open("wb") as log:
                self.processes[name] = subprocess.Popen(
                    [HERE / ".venv/bin/airflow", *arguments],
                    env=self.environment,
                    cwd=self.home,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Its own children end with it, and Ctrl-C reaches us first.
                    start_new_session=True,
                )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_healthy():
            self.check_alive()
            if time.monotonic() > deadline:
                raise StartError(f"Airflow did not answer in {START_SECONDS} s; see {self.home}")
            time.sleep(1)

    def is_healthy(self):
        """Whether the api-server answers and knows a living scheduler and dag-processor."""
        try:
            with urllib.request.urlopen(self.url("/api/v2/monitor/health"), timeout=5) as answer:
                health = json.load(answer)
        except OSError:
            return False
        return all(health[name]["status"] == "healthy" for name in ("scheduler", "dag_processor"))

    def check_alive(self):
        """Raise StartError if a component has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                last = self.log(name).read_text(errors="replace").splitlines()[-15:]
                raise StartError(f"the {name} ended:\n" + "\n".join(last))

    def stop(self):
        """End all components and what they have started."""
        for stop in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, stop)
            deadline = time.monotonic() + STOP_SECONDS
            while any(process.poll() is None for process in self.processes.values()):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
        if self._database:
            self._database.close()

    def write_environment(self):
        """Write shell commands that give another shell this environment; returns the file's path.
        They hold the password of the metadata database, so the file is ours alone."""
        path = self.home / "environment.sh"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        ours = ("AIRFLOW", "ELT_SUMMARY_", "PATH", "DO_NOT_TRACK")
        path.write_text(
            "".join(
                f"export {name}={shlex.quote(value)}\n"
                for name, value in sorted(self.environment.items())
                if name.startswith(ours)
            ),
            encoding="utf-8",
        )
        return path

    def log(self, component):
        """Where a component writes what it has to say."""
        return self.home / f"{component}.log"

    def url(self, path=""):
        """Address of the api-server."""
        return f"http://{HOST}:{self.port}{path}"

    def password(self):
        """Password of the user `admin`, made at the first start."""
        path = self.home / "simple_auth_manager_passwords.json.generated"
        return json.loads(path.read_text(encoding="utf-8"))["admin"]


def prepare_project(home, variables):
    """Make what the DAGs need of the project: dbt's manifest, and the demo deliveries.

    Args:
        home: AIRFLOW_HOME.
        variables: the environment.

    Raises:
        StartError: something is missing, or dbt does not accept the project.
    """
    dbt = variables.get("ELT_SUMMARY_DBT") or str(PROJECT / ".venv/bin/dbt")
    if not Path(dbt).exists():
        raise StartError(f"{dbt} is not there: run make build first, or say where dbt is")
    parse = [dbt, "parse", "--quiet", "--target-path", "target/airflow"]
    parsed = subprocess.run(
        [*parse, "--vars", "{demo_data: false}"],
        cwd=PROJECT, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if parsed.returncode != 0:
        raise StartError(f"dbt parse failed:\n{parsed.stdout}")
    if "ELT_SUMMARY_SOURCE" not in variables:
        deliveries = home / "deliveries"
        make_deliveries.main(deliveries)
        variables["ELT_SUMMARY_SOURCE"] = f"{deliveries}/{{day}}"


def main():
    """Start as the command line says and run until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--port", type=int, default=8080, help="default: %(default)s")
    options = parser.parse_args()
    home = Path(os.environ.get("AIRFLOW_HOME") or HERE / "home").resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    airflow = Airflow(home, options.port, keep=True)
    try:
        prepare_project(home, airflow.environment)
        print("Starting Airflow, which takes half a minute ...", flush=True)
        with airflow:
            print(f"Airflow: {airflow.url()}  user: admin  password: {airflow.password()}")
            print("Unpause elt_summary_daily there, or elt_summary_by_model, not both.")
            print(f"For airflow commands in another shell: source {airflow.write_environment()}")
            print(f"Logs are in {home}. Ctrl-C ends it.", flush=True)
            while True:
                airflow.check_alive()
                time.sleep(1)
    except KeyboardInterrupt:
        return 0
    except (StartError, PostgresServerError) as error:
        print(f"start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
