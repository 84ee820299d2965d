"""Fixtures for the tests of the target spark: one cluster for all, each test in schemas of its own.

They run in an environment of their own: make test-spark.
"""

import pytest
from spark_cluster import SparkCluster
from spark_warehouse import SparkWarehouse

# Few partitions for small data. The others: what the project must not rely on.
SETTINGS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.hive.metastorePartitionPruningFallbackOnException": "false",
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
