"""The pool: who may teach what, where, in which language, and when."""
