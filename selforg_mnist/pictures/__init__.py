"""What is looked at: coloured cells, figures, films."""
