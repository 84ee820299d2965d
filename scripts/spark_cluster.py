"""A small Apache Spark cluster on this machine, from the wheel `pyspark`: a standalone master, two
workers and the thrift server that dbt talks to, all on the loopback address.

For a look at the target spark, and for its tests. It runs until Ctrl-C and prints the environment
variables that point dbt to it:

    python scripts/spark_cluster.py           # tables are thrown away at the end
    python scripts/spark_cluster.py FOLDER    # tables stay in FOLDER for the next start

Java 17 or later is needed. There is no password: whoever is on this machine can connect.
"""

import argparse
import importlib.util
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HOST = "127.0.0.1"
WORKERS = 2
START_SECONDS = 120
STOP_SECONDS = 30
START_ATTEMPTS = 3
TAKEN_PORT = ("Address already in use", "BindException", "Could not bind")

# Runs beside the cluster. Its input ends when our process dies, however it dies; then it ends the
# processes whose ids are in the file, and removes the folder if one is given.
WATCHER = """
read -r word && exit
for id in $(cat "$1"); do kill "$id" 2>/dev/null; done
sleep 2
for id in $(cat "$1"); do kill -9 "$id" 2>/dev/null; done
test -z "$2" || rm -rf "$2"
"""


class SparkClusterError(Exception):
    """The cluster could not be set up, started or stopped; the text says why."""


class SparkCluster:
    """A master, two workers with one executor each, and a thrift server, on free local ports.

    Args:
        folder: where tables, metastore and logs are kept; they stay when the cluster is closed.
            None: a temporary folder that close() removes.
        settings: Spark settings by name, before the cluster's own.
        time_zone: time zone of all Java processes, such as "Asia/Tokyo"; None: the machine's.
        executor_memory: of each of the two executors, as Spark writes it ("1g").
        driver_memory: of the thrift server.

    Attributes:
        folder: as given, or the temporary one.
        application_url: address of the UI and REST interface of the thrift server's application.

    Raises:
        SparkClusterError: from any method, when a process does not do what was asked.
    """

    def __init__(
        self,
        folder=None,
        settings=None,
        time_zone=None,
        executor_memory="1g",
        driver_memory="1g",
    ):
        self._temporary = folder is None
        self._settings = settings or {}
        self._time_zone = time_zone
        self._executor_memory = executor_memory
        self._driver_memory = driver_memory
        self._processes = {}
        self._watcher = None
        self.application_url = None
        self._home = _spark_home()
        _check_java()
        if self._temporary:
            self.folder = Path(tempfile.mkdtemp(prefix="elt_summary_spark_"))
        else:
            self.folder = Path(folder).resolve()
            self.folder.mkdir(parents=True, exist_ok=True)
        self._ids = self.folder / "process_ids"
        self._ids.write_text("")

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    @property
    def environment(self):
        """The environment variables that point dbt at the thrift server."""
        return {"DBT_SPARK_HOST": HOST, "DBT_SPARK_PORT": str(self._thrift_port)}

    @property
    def process_ids(self):
        """Ids by name (master, worker-1, worker-2, thrift-server) of the processes alive."""
        return {
            name: process.pid
            for name, process in self._processes.items()
            if process.poll() is None
        }

    def start(self):
        """Start everything and wait until both executors are there; returns the cluster itself."""
        folder = str(self.folder) if self._temporary else ""
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "sh", str(self._ids), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._start_on_free_ports("master", self._master_command)
        for number in range(1, WORKERS + 1):
            self.start_worker(number)
        self._start_on_free_ports("thrift-server", self._thrift_command)
        self._wait_for("both executors", lambda: len(self.executors()) == WORKERS)
        return self

    def start_worker(self, number):
        """Start a worker, also one that was killed before."""
        self._start_on_free_ports(
            f"worker-{number}", lambda ports: self._worker_command(number, ports)
        )

    def kill_worker(self, number):
        """Kill a worker and the executor that it started, as when a machine is lost."""
        worker = self._processes[f"worker-{number}"]
        executors = _children(worker.pid)
        worker.kill()
        worker.wait()
        for process_id in executors:
            try:
                os.kill(process_id, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill_thrift_server(self):
        """Kill the thrift server, which is the driver: whatever runs ends at once."""
        self._processes["thrift-server"].kill()
        self._processes["thrift-server"].wait()

    def restart_thrift_server(self):
        """Start it anew, on other ports, with the tables and the metastore that are there."""
        self._start_on_free_ports("thrift-server", self._thrift_command)
        self._wait_for("an executor", lambda: len(self.executors()) > 0)

    def executors(self):
        """The executors that are alive, as the REST interface describes them: a list of dicts with
        `id`, `totalTasks`, `completedTasks` and so on."""
        return [
            executor
            for executor in self._rest("executors")
            if executor["id"] != "driver" and executor["isActive"]
        ]

    def close(self):
        """Stop everything and remove the folder if it is a temporary one."""
        for name in reversed(list(self._processes)):
            process = self._processes.pop(name)
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._watcher is not None:
            self._watcher.communicate(b"ended\n")
            self._watcher = None
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self):
        """Wait until the thrift server ends by itself; returns its exit code."""
        return self._processes["thrift-server"].wait()

    def _rest(self, path):
        if self.application_url is None:
            return []
        base = f"{self.application_url}/api/v1/applications"
        try:
            with urllib.request.urlopen(base, timeout=10) as answer:
                application = json.load(answer)[0]["id"]
            with urllib.request.urlopen(f"{base}/{application}/{path}", timeout=10) as answer:
                return json.load(answer)
        except (OSError, IndexError):
            return []

    def _master_command(self, ports):
        self._master = f"spark://{HOST}:{ports[0]}"
        self._master_port = ports[0]
        return [
            self._home / "bin/spark-class",
            *("org.apache.spark.deploy.master.Master", "--host", HOST),
            *("--port", str(ports[0]), "--webui-port", str(ports[1])),
        ], ports[0]

    def _worker_command(self, number, ports):
        return [
            self._home / "bin/spark-class",
            *("org.apache.spark.deploy.worker.Worker", "--host", HOST),
            *("--port", str(ports[0]), "--webui-port", str(ports[1])),
            *("--cores", "1", "--memory", self._executor_memory),
            *("--work-dir", str(self.folder / f"worker-{number}"), self._master),
        ], ports[0]

    def _thrift_command(self, ports):
        self._thrift_port = ports[0]
        self.application_url = f"http://{HOST}:{ports[1]}"
        settings = {
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.executor.cores": "1",
            "spark.executor.memory": self._executor_memory,
            "spark.local.dir": str(self.folder / "scratch"),
            "spark.ui.port": str(ports[1]),
            # Few partitions of a shuffle for few cores; Spark's own default is 200.
            "spark.sql.shuffle.partitions": "8",
            # Derby cannot look for partitions by a date: then all are looked through.
            "spark.sql.hive.metastorePartitionPruningFallbackOnException": "true",
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.hadoop.javax.jdo.option.ConnectionURL":
                f"jdbc:derby:;databaseName={self.folder / 'metastore'};create=true",
        } | self._settings
        command = [
            self._home / "bin/spark-submit",
            *("--master", self._master, "--driver-memory", self._driver_memory),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
        ]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        return [
            *command,
            "spark-internal",
            *("--hiveconf", f"hive.server2.thrift.port={ports[0]}"),
            *("--hiveconf", f"hive.server2.thrift.bind.host={HOST}"),
            *("--hiveconf", "hive.server2.authentication=NOSASL"),
        ], ports[0]

    def _start_on_free_ports(self, name, command_of):
        """Start a process; if another one took its port meanwhile, again with other ports."""
        for attempt in range(1, START_ATTEMPTS + 1):
            command, port = command_of(_free_ports(2))
            log = self.folder / f"{name}.log"
            with log.open("ab") as output:
                # A session of its own: Ctrl-C must reach us, not the cluster below us.
                self._processes[name] = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env=self._process_environment(name),
                    start_new_session=True,
                )
            with self._ids.open("a") as ids:
                ids.write(f"{self._processes[name].pid}\n")
            if self._wait_for_port(name, port):
                return
            text = log.read_text(errors="replace")[-4000:]
            if attempt == START_ATTEMPTS or not any(sign in text for sign in TAKEN_PORT):
                raise SparkClusterError(f"{name} did not start. The end of its log:\n{text}")

    def _process_environment(self, name):
        kept = ("PATH", "HOME", "JAVA_HOME", "LANG")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        options = f"-Dderby.system.home={self.folder}"
        if self._time_zone:
            options += f" -Duser.timezone={self._time_zone}"
        return environment | {
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_DAEMON_MEMORY": self._driver_memory if name == "thrift-server" else "256m",
            "SPARK_LOCAL_DIRS": str(self.folder / "scratch"),
            "PYSPARK_PYTHON": sys.executable,
            "JDK_JAVA_OPTIONS": options,
        }

    def _wait_for_port(self, name, port):
        """True when the process listens, False when it ended instead."""
        def listens():
            if self._processes[name].poll() is not None:
                return True
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex((HOST, port)) == 0

        self._wait_for(f"{name} on port {port}", listens)
        return self._processes[name].poll() is None

    def _wait_for(self, what, is_there):
        deadline = time.monotonic() + START_SECONDS
        while not is_there():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"{log.name}: {log.read_text(errors='replace')[-1500:]}"
                    for log in sorted(self.folder.glob("*.log"))
                )
                raise SparkClusterError(f"no {what} in {START_SECONDS} s.\n{logs}")
            time.sleep(0.2)


def _spark_home():
    package = importlib.util.find_spec("pyspark")
    if package is None:
        raise SparkClusterError(
            "the package pyspark is missing: pip install -r requirements/spark-dev.txt"
        )
    return Path(package.origin).parent


def _check_java():
    java = Path(os.environ["JAVA_HOME"], "bin/java") if "JAVA_HOME" in os.environ else "java"
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    except OSError:
        said = ""
    version = said.partition('"')[2].partition(".")[0].partition('"')[0]
    if not version.isdecimal() or int(version) < 17:
        raise SparkClusterError(
            f"Spark needs Java 17 or later, found: {said.splitlines()[0] if said else 'none'}."
            " On Debian or Ubuntu: apt install openjdk-17-jre-headless. Elsewhere set JAVA_HOME."
        )


def _children(process_id):
    """Ids of the processes that a process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process_id)], capture_output=True, text=True
    )
    return [int(line) for line in listed.stdout.split()]


def _free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def main():
    """Start a cluster, print its address as shell commands, run until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("folder", nargs="?", help="keep the tables here (default: thrown away)")
    parser.add_argument("--executor-memory", default="1g", help="of each of two (default: 1g)")
    parser.add_argument("--driver-memory", default="1g", help="of the thrift server (default: 1g)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with SparkCluster(
            arguments.folder,
            executor_memory=arguments.executor_memory,
            driver_memory=arguments.driver_memory,
        ) as cluster:
            for name, value in cluster.environment.items():
                print(f"export {name}={shlex.quote(value)}")
            print(f"# What it does: {cluster.application_url}")
            print("# Paste the exports into another shell, then: make build TARGET=spark")
            print("# Ctrl-C here stops it.", flush=True)
            code = cluster.wait()
            print(f"The thrift server ended by itself, exit code {code}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 0
    except SparkClusterError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
