"""How many minutes of training it takes to pass the article's row."""
