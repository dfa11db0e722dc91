"""What trained cells make of digits changed in ways that no training showed."""
