"""macros/engines is the only place that knows one engine from another."""

import re

import pytest
import yaml
from project_copy import copy_project
from warehouse import PROJECT_ROOT

ENGINE = r"duckdb|postgres|redshift|spark"

# In SQL and Jinja, comments left out.
RULES = {
    "asks for the type of the target or of the adapter": r"target\.type|adapter\.type|adapter_type",
    "decides by the name of the target or profile": (
        r"target\.(name|profile_name)\s*(==|!=|in\b|not\b|\|)"
        r"|(==|!=|\bin|\bif)\s+target\.(name|profile_name)"
        r"|target\[['\"]|target\.get\(|\.get\(\s*target\.(name|profile_name)"
        r"|\[\s*target\.(name|profile_name)"
    ),
    "names an engine": ENGINE,
    "dispatches": r"adapter\.dispatch",
    "has, or calls, a variant of a macro": rf"\b(default|{ENGINE})__\w+",
}


def violations(project):
    """All that knows an engine outside macros/engines, as texts: file, rule, what was found."""
    found = []
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if name.parts[:2] == ("macros", "engines") or name.parts[:2] == ("tests", "python"):
            continue
        if path.suffix == ".sql":
            text = without_comments(path.read_text(encoding="utf-8"))
        elif path.suffix == ".yml":
            text = "\n".join(values(yaml.safe_load(path.read_text(encoding="utf-8"))))
        else:
            continue
        for rule, pattern in RULES.items():
            for match in re.finditer(pattern, text, re.IGNORECASE):
                found.append(f"{name} {rule}: {match.group(0)}")
    return found


def without_comments(sql):
    return re.sub(r"\{#.*?#\}|--[^\n]*", "", sql, flags=re.DOTALL)


def values(node, key=None):
    """All keys and values of a YAML file as texts, descriptions left out."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name != "description":
                yield str(name)
                yield from values(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)
    else:
        yield str(node)


def test_only_macros_engines_knows_the_engine(tmp_path):
    """Guards against: models, tests, analyses, business macros and configuration that ask which
    engine they run on."""
    project = copy_project(tmp_path)
    (project / "macros/_macros.yml").unlink()  # it names and describes every macro
    assert len(list(project.rglob("*.sql"))) > 80
    assert violations(project) == []


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("models/marts/fct_sessions.sql", "{% if target.type == 'x' %}", "asks for the type"),
        ("tests/generic/sound.sql", "{% if adapter.type() == 'x' %}", "asks for the type"),
        ("models/staging/stg_channel.sql", "{% if target.name == 'prod' %}", "decides by the name"),
        ("macros/publish.sql", "{% set fast = target.name in ['x'] %}", "decides by the name"),
        ("macros/publish.sql", "{{ {'x': 1}[target.name] }}", "decides by the name"),
        ("analyses/unlisted_channels.sql", "{{ 'duckdb' }}", "names an engine"),
        ("macros/values.sql", "{{ adapter.dispatch('x')() }}", "dispatches"),
        ("macros/values.sql", "{% macro spark__x() %}{% endmacro %}", "has, or calls, a variant"),
        ("models/marts/fct_sessions.sql", "{{ default__row_hash([]) }}", "has, or calls, a variant"),
        ("models/marts/_marts.yml", "x: \"{{ target.type == 'x' }}\"", "asks for the type"),
        ("dbt_project.yml", "x: {+enabled: \"{{ target.name == 'x' }}\"}", "decides by the name"),
    ],
)
def test_a_line_that_knows_the_engine_is_found(tmp_path, file, line, rule):
    """Guards against: a search that finds nothing."""
    project = copy_project(tmp_path)
    (project / "macros/_macros.yml").unlink()
    path = project / file
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    found = violations(project)
    assert found and all(text.startswith(file) for text in found)
    assert any(f"{file} {rule}" in text for text in found)


def test_variants_stand_beside_their_default():
    """Guards against: a macro that is dispatched and does not exist on an engine without a variant,
    and a variant that nothing calls."""
    all_dispatched, all_variants = set(), set()
    for path in sorted((PROJECT_ROOT / "macros/engines").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)', 'elt_summary'\)", text))
        defaults = set(re.findall(r"macro default__(\w+)\(", text))
        assert dispatched == defaults, path.name
        all_dispatched |= dispatched
        all_variants |= set(re.findall(rf"macro (?:{ENGINE})__(\w+)\(", text))
    assert all_variants - all_dispatched == OF_DBT


# dbt's own macros, of which this project has variants.
OF_DBT = {
    "create_table_as", "create_view_as", "create_indexes", "get_create_index_sql",
    "get_table_columns_and_constraints", "get_test_sql", "load_csv_rows", "dateadd",
}  # fmt: skip
