"""Pictures of coloured cells, figures and films."""
