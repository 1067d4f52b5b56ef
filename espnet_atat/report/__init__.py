"""Tables and plots from the files that scoring and the table stage wrote; no other code of the package is needed."""
