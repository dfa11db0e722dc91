"""The article's conjecture: are larger models more accurate?"""
