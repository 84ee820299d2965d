"""Run statements in a DuckDB file and print the rows of each as JSON.

    python run_sql.py FILE < statements.json

A script of its own because it runs with the DuckDB of another virtual environment.
"""

import json
import sys

import duckdb


def main():
    """Run the statements that stand in stdin as a JSON list."""
    results = []
    with duckdb.connect(sys.argv[1]) as connection:
        for statement in json.load(sys.stdin):
            cursor = connection.execute(statement)
            results.append(cursor.fetchall() if cursor.description else [])
    json.dump(results, sys.stdout, default=str)


if __name__ == "__main__":
    main()
