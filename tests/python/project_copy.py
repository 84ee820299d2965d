"""A copy of the dbt project, for tests that take something out of it."""

import shutil

from warehouse import PROJECT_ROOT

FOLDERS = ("models", "seeds", "macros", "tests", "analyses")


def copy_project(project):
    """Copy what dbt reads of the project into a folder; returns the folder."""
    for name in FOLDERS:
        shutil.copytree(PROJECT_ROOT / name, project / name)
    shutil.copy(PROJECT_ROOT / "dbt_project.yml", project)
    return project


def copy_with_broken_user_revenue(project):
    """Copy the project with a user_revenue that fails when it runs; returns the folder."""
    replace(
        copy_project(project) / "models/marts/user_revenue.sql",
        "        transaction_count > 0\n",
        "        transaction_count > cast('broken' as integer)\n",
    )
    return project


def replace(path, text, instead):
    """Replace a text in a file, which must have it."""
    original = path.read_text(encoding="utf-8")
    assert text in original, f"{path.name} no longer has: {text}"
    path.write_text(original.replace(text, instead), encoding="utf-8")
