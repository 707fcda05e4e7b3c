"""The bare limits: what the same stack does with no product in it."""

from __future__ import annotations

import logging
import sys

import sqlalchemy as sa
import waitress
from flask import Flask, render_template_string

from app.db import make_engine

ROW = "<tr><th scope='row'>{{ row.name }}</th><td>{{ row.id }}</td></tr>"
PAGE = "<!doctype html><html lang='en'><title>bare</title><body><table>{% for row in rows %}" + ROW + "{% endfor %}</table></body></html>"


def create(url: str) -> Flask:
    """The bare app on a database of its own."""
    engine = make_engine(url)
    tables = sa.MetaData()
    rows = sa.Table("bare", tables, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text, nullable=False))
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        tables.create_all(connection)
        connection.execute(rows.insert(), [{"name": f"Name {n}"} for n in range(20)])
    app = Flask("bare")

    @app.get("/healthz")
    @app.get("/handler")
    def handler() -> str:
        return "ok"

    @app.get("/page")
    def page() -> str:
        with engine.connect() as connection:
            found = connection.execute(sa.select(rows).limit(20)).all()
        return render_template_string(PAGE, rows=found)

    @app.post("/insert")
    def insert() -> str:
        with engine.connect().execution_options(writing=True) as connection, connection.begin():
            connection.execute(rows.insert().values(name="answer"))
        return "ok"

    return app


if __name__ == "__main__":
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # as the product has it
    waitress.serve(create(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), threads=int(sys.argv[3]), _quiet=True)
