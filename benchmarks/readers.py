"""How long someone who reads a mart waits while it is rebuilt; PostgreSQL only.

DuckDB lets in no other process while dbt runs.
"""

import threading
import time
from contextlib import contextmanager

import oracle
import psycopg2

from benchmarks.place import BenchmarkError

PAUSE_SECONDS = 0.002


@contextmanager
def readers(place, schema):
    """Readers that each ask one mart for a row, again and again.

    Args:
        place: Place.
        schema: name of the schema of the marts.

    Yields:
        dict, filled at the end: longest wait of the mart's reader in seconds, by mart.

    Raises:
        BenchmarkError: a reader got an error instead of a row.
    """
    longest, faults = {}, []
    ended = threading.Event()

    def read(mart):
        connection = place.admin.connect()
        cursor = connection.cursor()
        longest[mart] = 0.0
        while not ended.is_set():
            started = time.perf_counter()
            try:
                cursor.execute(f"select 1 from {schema}.{mart} limit 1")
            except psycopg2.Error as error:
                faults.append(f"{mart}: {str(error).strip()}")
                break
            longest[mart] = max(longest[mart], time.perf_counter() - started)
            time.sleep(PAUSE_SECONDS)
        connection.close()

    threads = [threading.Thread(target=read, args=(mart,)) for mart in oracle.COLUMNS]
    for thread in threads:
        thread.start()
    try:
        yield longest
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    if faults:
        raise BenchmarkError("a reader got an error: " + "; ".join(faults))
