"""The article's rule over living cells only: their layout, their steps, and what they do."""
