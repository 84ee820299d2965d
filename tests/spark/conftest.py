"""Fixtures for the tests of the target spark: one cluster for all, each test in schemas of its own.

They run in an environment of their own: make test-spark.
"""

import pytest
from replay import Runner
from spark_cluster import SparkCluster
from spark_warehouse import SparkWarehouse
from tiers import LONG

collect_ignore = [] if LONG else ["test_spark_histories.py"]

SETTINGS = {
    # What the project must not rely on.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.hive.metastorePartitionPruningFallbackOnException": "false",
    # Small data: to compile each of a thousand small queries takes longer than to interpret it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
}


@pytest.fixture(scope="session")
def cluster():
    """A SparkCluster of which all processes think that they are in Tokyo, nine hours from UTC."""
    with SparkCluster(settings=SETTINGS, time_zone="Asia/Tokyo") as cluster:
        yield cluster


@pytest.fixture
def warehouse(cluster, tmp_path):
    """An empty SparkWarehouse, dropped after the test."""
    warehouse = SparkWarehouse(tmp_path, cluster)
    yield warehouse
    warehouse.drop()


@pytest.fixture
def runner(warehouse, monkeypatch):
    return Runner(warehouse, monkeypatch)
