"""How gunicorn serves the product, wherever it is started: `gunicorn -c python:tracker.serving tracker.wsgi:app()`."""

from tracker.config import WEB_THREADS

worker_class = "gthread"
workers = 1  # more are a setting away (--workers); one is enough for a street
threads = WEB_THREADS
timeout = 120
control_socket_disable = True
