"""Thirty recipes: one service of each sort, created with boto3 alone."""

from __future__ import annotations

from tests.importer.recipes import fargate, instances, scaling
from tests.importer.recipes.recipe import RECIPES

__all__ = ["RECIPES", "fargate", "instances", "scaling"]  # importing a module adds its recipes
