"""Speed and scale, measured beside the bare limit of the same stack in the same run. `make bench` prints the table.

How each limit is made (bench/bare.py): a Flask app without sign-in, permissions or journal, served by the same
waitress with the same number of threads on the same machine in the same run.

- bare handler: a view that returns two letters;
- bare page: a view that reads 20 rows by one query and renders them with Jinja2 in the product's base page weight;
- bare insert: a view that inserts one row and commits, on the product's own engine (SQLite, WAL, FULL).

Figures are ratios of one run: machines are shared and noisy, so requests a second of two runs do not compare.
"""
