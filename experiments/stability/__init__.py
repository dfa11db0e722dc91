"""Why states of some digits grow without end: what the rule does far from where it was trained."""
