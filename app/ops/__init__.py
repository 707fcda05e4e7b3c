"""Running a node: migrations, supervisor, doctor, health, demo data."""

VERSION = "0.1.0"
