"""How trained cells classify digits that are changed in ways they never met in training."""
