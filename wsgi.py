"""The WSGI application of the node that the environment describes."""

import config
from app import create_app

app = create_app(config.read())
