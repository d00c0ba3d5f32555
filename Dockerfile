# The gateway as an image. compose.yaml runs it with all that belongs to it.

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY setup.cfg pyproject.toml README.md ./
COPY gateway gateway
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.12-slim-bookworm
# The uid is fixed, since files outside the image are given to it.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin opend-gateway \
    && install --directory --owner=opend-gateway --group=opend-gateway --mode=0700 /var/lib/opend-gateway
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY wsgi.py ./
COPY config/gunicorn.conf.py config/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY_CONFIG=/etc/opend-gateway/gateway.yaml
USER 10001
EXPOSE 22222
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:22222/health', timeout=3)"]
CMD ["gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"]
