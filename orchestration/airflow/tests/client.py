"""Asks a running Airflow, by its REST API, and waits for it."""

import statistics
import time

import httpx

WAIT_SECONDS = 1800


class Client:
    """A client of a started Airflow.

    Args:
        airflow: start.Airflow.
    """

    def __init__(self, airflow):
        self._airflow = airflow
        login = {"username": "admin", "password": airflow.password()}
        answer = httpx.post(airflow.url("/auth/token"), json=login, timeout=60)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, method, path, **options):
        """Answer of the API, as Python.

        Args:
            method: of HTTP.
            path: below /api/v2.
            options: for httpx.
        """
        answer = httpx.request(
            method,
            self._airflow.url(f"/api/v2{path}"),
            headers=self._headers,
            timeout=60,
            **options,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def pause(self, dag, is_paused):
        """Pause or unpause a DAG, once it is there."""
        self.wait(lambda: dag in [each["dag_id"] for each in self.call("GET", "/dags")["dags"]])
        self.call("PATCH", f"/dags/{dag}", json={"is_paused": is_paused})

    def runs(self, dag):
        """Runs of a DAG, in the order of their intervals."""
        runs = self.call("GET", f"/dags/{dag}/dagRuns", params={"limit": 100})["dag_runs"]
        return sorted(runs, key=lambda run: run["data_interval_start"])

    def tasks(self, dag, run="~"):
        """Task instances of a run, or of all."""
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances"
        return self.call("GET", path, params={"limit": 500})["task_instances"]

    def days(self, dag):
        """For each run, the day at which its interval begins, and its state."""
        return [(run["data_interval_start"][:10], run["state"]) for run in self.runs(dag)]

    def report(self, what, dag):
        """Print what an interval took: runs whole, and their tasks alone."""
        runs = self.runs(dag)
        tasks = [self.tasks(dag, run["dag_run_id"]) for run in runs]
        whole = statistics.median(run["duration"] for run in runs)
        busy = statistics.median(sum(task["duration"] or 0 for task in each) for each in tasks)
        print(
            f"\n{dag} on {what}, {len(tasks[0])} tasks per interval: median {whole:.0f} s, of which"
            f" in tasks {busy:.0f} s"
        )

    def wait_until_done(self, dag, count):
        """Wait until there are so many runs and none is under way; returns them."""

        def done():
            states = [run["state"] for run in self.runs(dag)]
            return len(states) >= count and not {"queued", "running"} & set(states)

        self.wait(done)
        return self.runs(dag)

    def wait(self, condition):
        """Wait until something is true; fail if it takes too long or Airflow ends."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := condition()):
            self._airflow.check_alive()
            assert time.monotonic() < deadline, "Airflow did not come so far"
            time.sleep(0.5)
        return found
