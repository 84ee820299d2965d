"""The project's own files: documented, reproducible, free of what must not be in them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from warehouse import PROJECT_ROOT


def test_demo_seeds_are_what_the_script_makes():
    """Guards against: seeds edited by hand, or a script that is no longer deterministic."""
    subprocess.run(
        [sys.executable, PROJECT_ROOT / "seeds" / "make_demo_seeds.py", "--check"], check=True
    )


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_docs_site_describes_everything(warehouse, tmp_path):
    """Guards against: a model, column, macro, argument, source, seed, analysis or singular test
    without description; columns described that the table does not have, and the reverse; a docs
    site that is not one file."""
    warehouse.dbt("build")
    warehouse.dbt("docs", "generate", "--static")
    target = tmp_path / "target"
    manifest = json.loads((target / "manifest.json").read_text())
    catalog = json.loads((target / "catalog.json").read_text())
    ours = [
        node
        for kind in ("nodes", "sources", "macros", "unit_tests")
        for node in manifest[kind].values()
        if node["package_name"] == "elt_summary" and node["resource_type"] != "operation"
    ]
    undescribed = []
    for node in ours:
        generic = node["resource_type"] == "test" and node.get("test_metadata")
        if not generic and not node["description"].strip():
            undescribed.append(node["unique_id"])
        for column in node.get("columns", {}).values():
            if not column["description"].strip():
                undescribed.append(f"{node['unique_id']}.{column['name']}")
        if node["resource_type"] == "macro":
            described = [part["name"] for part in node["arguments"] if part["description"]]
            signature = macro_arguments(node["macro_sql"])
            if described != signature:
                undescribed.append(f"{node['unique_id']}{signature} documents {described}")
    assert len(ours) > 50
    assert undescribed == []

    for unique_id, table in catalog["nodes"].items():
        described = list(manifest["nodes"][unique_id]["columns"])
        assert described == list(table["columns"]), f"columns of {unique_id}"

    page = (target / "static_index.html").read_text()
    assert "from raw rows to summary tables" in page
    assert "MANIFEST.JSON INLINE DATA" not in page


def macro_arguments(sql):
    """Names in a macro's or generic test's signature."""
    signature = re.search(r"(?:macro|test)\s+\w+\s*\((.*?)\)\s*-?%}", sql, re.DOTALL)
    if signature is None:
        # A materialization takes none.
        return []
    return [part.split("=")[0].strip() for part in signature.group(1).split(",") if part.strip()]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_lint_does_not_depend_on_what_was_built(warehouse):
    """Guards against: models that are clean before the first build and not after, or the reverse:
    an incremental model compiles to other SQL then."""

    def findings():
        linted = subprocess.run(
            [Path(sys.executable).parent / "sqlfluff", "lint", "models"],
            cwd=PROJECT_ROOT,
            env=warehouse.child_environment(),
            text=True,
            capture_output=True,
        )
        return linted.returncode, [line for line in linted.stdout.splitlines() if "| P:" in line]

    assert findings() == (0, [])
    warehouse.dbt("build")
    assert findings() == (0, [])


def test_on_call_page_quotes_messages_that_exist():
    """Guards against: a page for the night that quotes what nothing says any more."""
    said = " ".join(
        " ".join(path.read_text(encoding="utf-8").split())
        for folder in ("macros", "scripts", "tests", "models", "orchestration/load")
        for path in (PROJECT_ROOT / folder).glob("*" if "/" in folder else "**/*")
        if path.suffix in (".sql", ".py", ".yml") and path.name != "test_project.py"
    )
    # A literal that goes on in the next line, in Jinja or in Python.
    said = re.sub(r'" (~ |f)?"', "", said)
    # Messages of PostgreSQL and of the operating system.
    foreign = {
        "already exists",
        "server closed the connection",
        "terminating connection",
        "duplicate key value violates unique constraint",
        "No space left on device",
        "out of memory",
    }
    page = (PROJECT_ROOT / "docs/on-call.md").read_text(encoding="utf-8")
    quoted = [
        text
        for line in page.splitlines()
        if line.startswith("| `")
        for text in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    assert len(quoted) > 35
    assert [text for text in quoted if text not in said and text not in foreign] == []


def test_only_staging_reads_raw():
    """Guards against: layers that read past staging."""
    readers = {
        path.parent.name
        for path in (PROJECT_ROOT / "models").rglob("*.sql")
        if re.search(r"raw_table\(|source\(|demo_", path.read_text())
    }
    assert readers == {"staging"}


def test_lock_files_pin_everything_and_name_no_index():
    """Guards against: builds that change by themselves, and addresses of somebody's index."""
    orchestration = PROJECT_ROOT.glob("orchestration/*/requirements*.txt")
    for name in [*(PROJECT_ROOT / "requirements").glob("*.txt"), *orchestration]:
        text = name.read_text()
        requirements = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
        assert len(requirements) > 30
        assert all(re.match(r"[\w.-]+==[\w.]+( ;.*)?$", line) for line in requirements), name
        assert "://" not in text
    # One environment holds them all; SQLMesh, Airflow and the loader of files have their own.
    for name in ("duckdb.txt", "postgres.txt", "redshift.txt", "bench.txt"):
        assert set(locked(name)) <= set(locked("dev.txt")), f"{name} and dev.txt disagree"
    assert set(locked("spark.txt")) <= set(locked("spark-dev.txt"))
    same = [line for line in locked("duckdb.txt") if line.startswith(("dbt-core=", "duckdb="))]
    assert set(same) <= set(locked("spark-dev.txt")), "the target spark has another dbt"
    build = {line.split()[0] for name in ("duckdb.txt", "postgres.txt") for line in locked(name)}
    load = (PROJECT_ROOT / "orchestration/load/requirements.txt").read_text().split()
    assert build <= set(load), "the loader of files has another dbt"


def locked(name):
    text = (PROJECT_ROOT / "requirements" / name).read_text()
    return [line for line in text.splitlines() if "==" in line]


@pytest.mark.xdist_group("together")
def test_groups_of_tests_stay_together(request):
    """Guards against: versions of pytest and pytest-xdist in which groups have no effect: tests that
    share a build then build it in each process, or miss what another one did."""
    if hasattr(request.config, "workerinput"):
        assert request.node.nodeid.endswith("@together")
