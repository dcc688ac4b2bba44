"""The web: a documented API over the services of `ivr`, and pages that use only that API."""
