"""Files of spans: what a Collector, an SDK, Phoenix or MLflow wrote, request by request. Door: files."""

from argus_lab.files.found import Found
from argus_lab.files.requests import requests_in

__all__ = ["Found", "requests_in"]
