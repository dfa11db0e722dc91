"""What trained cells decide: curves and their report, the article's results, single digits."""
