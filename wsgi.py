"""The WSGI application, for `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from gateway.web.serve import app_of_master

app = app_of_master()
