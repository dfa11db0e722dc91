"""The perfect 3: digits by gradient ascent, for a model of matrices and for trained cells."""
