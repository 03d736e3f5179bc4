"""Recipes that re-make the shipped tickets; each is one file and one or two commands."""
