"""The API's endpoints, one module for each thing they are about; ENDPOINTS has them all."""

from admin.endpoints import Endpoint
from admin.handlers import about, attempts, campaigns, contacts, live, recordings, session

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for module in (session, campaigns, contacts, attempts, recordings, live, about)
    for endpoint in module.api.endpoints
)
