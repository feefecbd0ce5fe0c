"""Trial: the evidence for a label, and the rule that gives it."""
