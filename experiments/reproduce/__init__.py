"""The article's table, figures and films, made from our models."""
