"""The prompts' wording: YAML files by language, the shipped ones first and a deployment's own over them."""

from prompts.catalogue.book import Catalogue
from prompts.catalogue.loader import SHIPPED_DIR, Entry, VariableSpec

__all__ = ["SHIPPED_DIR", "Catalogue", "Entry", "VariableSpec"]
